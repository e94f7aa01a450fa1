import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { clientConfiguration } from './lab/configuration.ts';
import { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, type Host } from './lab/lab.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'strongswan'],
  'full tunnels with strongSwan',
);

const everything = { inner: [4, 6], remoteTs: '0.0.0.0/0, ::/0' } as const;
const resolver = (host: Host): string =>
  readFileSync(`/etc/netns/${host.name}/resolv.conf`, 'utf8');
const withDns = { poolExtra: 'dns = 10.77.0.53' } as const;

async function network(host: Host): Promise<string> {
  const parts = [
    await host.run('ip', 'route', 'show', 'table', 'all'),
    await host.run('ip', '-6', 'route', 'show', 'table', 'all'),
    await host.run('ip', 'rule'),
    await host.run('ip', '-6', 'rule'),
    resolver(host),
  ];
  // Neighbour caches and counters come and go by themselves.
  return parts.join('').replace(/^.*(cache|fe80|multicast|ff00).*\n/gm, '');
}

describe.skipIf(gate.skip)(
  'a full tunnel (0.0.0.0/0, ::/0) with strongSwan 5.9.8 from behind a NAT',
  () => {
    for (const ours of ['client', 'both'] as const) {
      it(`ours as ${ours}: everything goes through the tunnel, nothing loops, and all is restored`, async () => {
        let before = '';
        await withTunnel(
          ours,
          { ...everything, ...withDns },
          async ({ lab, client }) => {
            await lab.right.run('ip', 'addr', 'add', '203.0.113.7/32', 'dev', 'lo');
            await lab.left.ping('203.0.113.7');
            await lab.left.ping(addresses.right.inner6);
            await lab.left.ping(addresses.right.inner4, { size: 1300 });
            expect(resolver(lab.left)).toContain('10.77.0.53');
            expect(await client?.stop()).toBe(0);
            expect(await network(lab.left)).toBe(before);
          },
          {
            nat: true,
            prepare: async (lab) => {
              before = await network(lab.left);
            },
          },
        );
      });
    }

    it('ours as client: what a killed process left behind is cleared at the next start', async () => {
      let before = '';
      await withTunnel(
        'client',
        { ...everything, ...withDns },
        async ({ lab, client }) => {
          client?.process.child.kill('SIGKILL');
          // The kill hits `ip netns exec`, which has become the process itself.
          await client?.process.exited;
          const again = await IpsecKit.start(
            lab.left,
            'connect',
            clientConfiguration({ ...everything }),
          );
          await again.process.waitFor(/Child SA net.*(open|established)/i);
          await lab.left.ping(addresses.right.inner4);
          expect(await again.stop()).toBe(0);
          await pause(100);
          expect(await network(lab.left)).toBe(before);
        },
        {
          nat: true,
          prepare: async (lab) => {
            before = await network(lab.left);
          },
        },
      );
    });
  },
);

describe.skipIf(gate.skip)('UDP encapsulation with strongSwan 5.9.8', () => {
  for (const ours of ['client', 'server'] as const) {
    it(`ours as ${ours}: is forced where there is no NAT, and the status says so (RFC 7296 §2.23)`, () =>
      withTunnel(ours, {}, async ({ lab, client, server, swan }) => {
        await lab.left.ping(addresses.right.inner4);
        expect(await swan?.listSas()).toContain('TUNNEL-in-UDP');
        expect(`${(client ?? server)?.process.output}`).toMatch(/encapsulation forced/i);
        expect(await (client ?? server)?.command('status')).toMatch(/encapsulation forced/i);
      }));

    it(`ours as ${ours}: a NAT in front of the client is seen (RFC 7296 §2.23)`, () =>
      withTunnel(
        ours,
        {},
        async ({ lab, client, server }) => {
          await lab.left.ping(addresses.right.inner4);
          await lab.right.ping('10.88.0.1');
          const side = client
            ? /(this|local) (host|end|side) is behind a NAT/i
            : /(peer|remote).* is behind a NAT/i;
          expect(`${(client ?? server)?.process.output}`).toMatch(side);
        },
        { nat: true },
      ));
  }
});
