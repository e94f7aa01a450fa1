import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { addresses } from './lab/lab.ts';
import type { Background } from './lab/shell.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'rekeys with strongSwan in both roles',
);

/** The pings that got no answer although a later one did: those that were still under way when ping ended do not count. */
function unansweredBeforeTheLast(pings: Background): number[] {
  const answered = new Set(
    [...pings.output.matchAll(/icmp_seq=(\d+) ttl/g)].map((match) => Number(match[1])),
  );
  const last = Math.max(...answered);
  expect(last).toBeGreaterThan(500);
  return Array.from({ length: last }, (_, index) => index + 1).filter((seq) => !answered.has(seq));
}

describe.skipIf(gate.skip)('rekeys with strongSwan 5.9.8', () => {
  for (const ours of ['client', 'server'] as const) {
    it(`ours as ${ours}: rekeys of Child and IKE SA begun by the peer lose no ping (RFC 7296 §2.8)`, () =>
      withTunnel(ours, {}, async ({ lab, swan, client, server }) => {
        const pings = lab.left.start('ping', ['-n', '-i', '0.002', addresses.right.inner4]);
        for (let round = 0; round < 5; round += 1) {
          await swan?.swanctl('--rekey', '--child', 'net');
          await pause(300);
          await swan?.swanctl('--rekey', '--ike', ours === 'client' ? 'rw' : 'home');
          await pause(300);
        }
        await pings.stop('SIGINT');
        expect(unansweredBeforeTheLast(pings)).toEqual([]);
        const output = `${(client ?? server)?.process.output}`;
        expect(output.match(/Child SA net rekeyed by the peer/g)).toHaveLength(5);
        expect(output.match(/IKE SA rekeyed by the peer/g)).toHaveLength(5);
      }));
  }

  it('ours as client: rekeys begun by us, in time, lose no ping (RFC 7296 §2.8)', () =>
    withTunnel(
      'client',
      {
        clientExtra: 'rekey_time = 6s\n    over_time = 60s\n    rand_time = 1s',
        childExtra: 'rekey_time = 4s\n        life_time = 60s\n        rand_time = 1s',
      },
      async ({ lab, client }) => {
        const pings = lab.left.start('ping', ['-n', '-i', '0.002', addresses.right.inner4]);
        await client?.process.waitFor(/(Child SA net rekeyed by us[\s\S]*){3}/, 30_000);
        await client?.process.waitFor(/IKE SA rekeyed by us/, 30_000);
        await pings.stop('SIGINT');
        expect(unansweredBeforeTheLast(pings)).toEqual([]);
      },
    ));
});
