import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import type { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses } from './lab/lab.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(['root', 'tun', 'netns', 'iperf3'], 'more UDP than the tunnel carries');

const SECONDS = 5;
/** Less than the first retransmission takes: what was answered by then was not lost. */
const MOST_ANSWER_MS = 3_000;
const MOST_GROWTH_MEGABYTES = 100;
/** In all: even a machine that is busy with other things carries this in a moment. */
const LEAST_RECEIVED = 10_000;

function residentMegabytes({ process: { child } }: IpsecKit): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(status.match(/VmRSS:\s+(\d+)/)?.[1]) / 1024;
}

interface Load {
  readonly packets: number;
  readonly lost_packets: number;
}

describe.skipIf(gate.skip)('2 Gbit/s of UDP offered to a tunnel', () => {
  it('memory stays bounded, and IKE is answered without a retransmission', () =>
    withTunnel('both', { pool: false }, async ({ lab, client, server }) => {
      if (!client || !server) throw new Error('both ends are ours');
      const target = addresses.right.inner4;
      const iperfServer = lab.right.start('iperf3', ['-s', '-B', target, '--forceflush']);
      await iperfServer.waitFor(/listening/i);
      const before = [client, server].map(residentMegabytes);
      const load = lab.left.run(
        'iperf3',
        ...['-c', target, '-B', addresses.left.inner4, '-t', String(SECONDS), '-J'],
        ...['-u', '-b', '2G', '-l', '1300'],
      );
      const answers: number[] = [];
      await pause(500);
      const until = performance.now() + (SECONDS - 2) * 1000;
      while (performance.now() < until) {
        const from = performance.now();
        await client.ask({ action: 'rekey' });
        answers.push(performance.now() - from);
        await pause(300);
      }
      const after = [client, server].map(residentMegabytes);
      const { end } = JSON.parse(await load);
      const { packets, lost_packets: lost }: Load = end.sum;
      process.stderr.write(
        `answers ${answers.map(Math.round)} ms, memory ${before.map(Math.round)} to ${after.map(Math.round)} MB, received ${packets - lost} of ${packets} packets\n`,
      );
      expect(answers.length).toBeGreaterThan(0);
      expect(Math.max(...answers)).toBeLessThan(MOST_ANSWER_MS);
      for (const [i, megabytes] of after.entries()) {
        expect(megabytes - (before[i] ?? 0)).toBeLessThan(MOST_GROWTH_MEGABYTES);
      }
      // What does not fit is lost; what fits goes on coming.
      expect(packets - lost).toBeGreaterThan(LEAST_RECEIVED);
      expect(await client.stop()).toBe(0);
      expect(await server.stop()).toBe(0);
      await iperfServer.stop();
    }));
});
