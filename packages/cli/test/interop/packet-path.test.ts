import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { addresses } from './lab/lab.ts';
import { transfer } from './lab/transfer.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'packet paths with strongSwan 5.9.8',
);

const portable = { ourArgs: () => ['--portable'] } as const;

/** Whether a device of the tunnel was made with vnet headers, as the worker needs it. */
function hasOffloads(host: string): boolean {
  return /tun.*vnet_hdr/.test(
    execFileSync('ip', ['netns', 'exec', host, 'ip', '-details', 'tuntap', 'list'], {
      encoding: 'utf8',
    }),
  );
}

describe.skipIf(gate.skip)('who carries packets', () => {
  for (const ours of ['client', 'server'] as const) {
    it(`ours as ${ours}: a worker with offloads, and says nothing of a slower way`, () =>
      withTunnel(ours, {}, async ({ lab, client, server }) => {
        await transfer(lab.left, lab.right, addresses.right.inner4, 50, 'up');
        await transfer(lab.left, lab.right, addresses.right.inner4, 50, 'down');
        expect(hasOffloads((client ? lab.left : lab.right).name)).toBe(true);
        expect((client ?? server)?.process.output).not.toMatch(/slower/);
      }));

    it(`ours as ${ours}: --portable, node:dgram and node:crypto`, () =>
      withTunnel(
        ours,
        {},
        async ({ lab, client, server }) => {
          await transfer(lab.left, lab.right, addresses.right.inner4, 10, 'up');
          await transfer(lab.left, lab.right, addresses.right.inner4, 10, 'down');
          expect(hasOffloads((client ? lab.left : lab.right).name)).toBe(false);
          expect(await (client ?? server)?.stop()).toBe(0);
        },
        portable,
      ));
  }

  for (const ours of ['client', 'both'] as const) {
    it(`ours as ${ours}: SIGTERM while packets flow ends it in order`, () =>
      withTunnel(ours, {}, async ({ lab, client, server }) => {
        const flood = ['-q', '-f', '-c', '100000', '-s', '1000', addresses.right.inner4];
        const ping = lab.left.start('ping', flood);
        await lab.left.ping(addresses.right.inner4);
        expect(await client?.stop()).toBe(0);
        if (server) expect(await server.stop()).toBe(0);
        await ping.stop();
        expect(await lab.left.run('ip', '-details', 'tuntap', 'list')).toBe('');
      }));
  }
});
