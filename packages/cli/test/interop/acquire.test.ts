import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import type { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, type Host } from './lab/lab.ts';
import { siteConfiguration, withSites } from './lab/sites.ts';
import { standingSessions } from './lab/standing-sessions.ts';

const gate = interopGate(['root', 'tun', 'netns', 'strongswan'], 'tunnels that traffic opens');

const left = (extra: string) =>
  siteConfiguration('left', [{ name: 'net', own: '10.66.0.0/16', peer: '10.77.0.0/16', extra }]);
const right = (extra = '') =>
  siteConfiguration('right', [{ name: 'net', own: '10.77.0.0/16', peer: '10.66.0.0/16', extra }]);

function negotiations({ process }: IpsecKit): number {
  return process.output.match(/^-> IKE_SA_INIT request 0 (?!.*again)/gm)?.length ?? 0;
}

/** As many packets as the host can send, at once. @returns how many were answered. */
async function burst(host: Host, packets: number): Promise<number> {
  const args = ['-n', '-q', '-l', String(packets), '-c', String(packets), '-W', '3'];
  const flood = host.start('ping', [...args, addresses.right.inner4]);
  const [, received] = await flood.waitFor(/(\d+) received/, 30_000);
  return Number(received);
}

describe.skipIf(gate.skip)('traffic that finds no SA (RFC 7296 §2.9)', () => {
  for (const peer of ['ours', 'strongSwan 5.9.8'] as const) {
    it(`opens one tunnel to ${peer}, 10,000 packets at once too, and again when the peer has closed it`, () =>
      withSites(async ({ lab, ours, strongSwan }) => {
        const swan = peer === 'ours' ? undefined : await strongSwan('right', right());
        const server = swan ? undefined : await ours('right', 'serve', right());
        const client = await ours('left', 'connect', left('start_action = trap'));
        await client.process.waitFor(/routes 10\.77\.0\.0\/16/);
        await pause(300);
        expect(negotiations(client)).toBe(0);

        expect(await burst(lab.left, 10_000)).toBeGreaterThan(0);
        expect(negotiations(client)).toBe(1);
        expect(client.process.output.match(/traffic for net, .*: opening it/g)).toHaveLength(1);
        // Whoever comes first waits, and is not lost.
        await lab.left.ping(addresses.right.inner4, { count: 1 });

        if (swan) await swan.swanctl('--terminate', '--ike', 'site');
        else await server?.command('terminate', '--ike');
        await client.process.waitFor(/IKE SA site closed/);
        await lab.left.ping(addresses.right.inner4, { count: 20 });
        expect(negotiations(client)).toBe(2);
        expect(await client.stop()).toBe(0);
        if (swan) expect(await swan.listSas()).not.toContain('ESTABLISHED');
        expect(await lab.left.run('ip', 'route')).not.toContain('10.77');
      }));
  }

  it('the very first packet arrives', () =>
    withSites(async ({ lab, ours }) => {
      await ours('right', 'serve', right());
      const client = await ours('left', 'connect', left('start_action = trap'));
      await client.process.waitFor(/routes 10\.77\.0\.0\/16/);
      await lab.left.ping(addresses.right.inner4, { count: 1 });
    }));

  it('on both sides at once leaves one IKE SA', () =>
    withSites(async ({ lab, ours }) => {
      const trap = 'start_action = trap';
      const sides = [
        await ours('left', 'serve', left(trap)),
        await ours('right', 'serve', right(trap)),
      ];
      for (const { process } of sides) await process.waitFor(/listening/);
      await Promise.all([
        lab.left.ping(addresses.right.inner4, { count: 5 }),
        lab.right.ping(addresses.left.inner4, { count: 5 }),
      ]);
      for (const side of sides) {
        await expect
          .poll(() => standingSessions(side), { timeout: 10_000 })
          .toMatchObject([{ state: 'open', children: [{ name: 'net' }] }]);
      }
      await lab.left.ping(addresses.right.inner4, { count: 3 });
      for (const side of sides) expect(await side.stop()).toBe(0);
    }));
});
