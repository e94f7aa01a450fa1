import { describe, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { addresses, type Host } from './lab/lab.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'strongswan'],
  'establishment under loss with strongSwan',
);

async function dropTenPercent(host: Host): Promise<void> {
  await host.run('nft', 'add table inet loss');
  await host.run('nft', 'add chain inet loss in { type filter hook input priority 0 ; }');
  await host.run(
    'nft',
    'add rule inet loss in udp dport { 500, 4500 } numgen random mod 100 < 10 drop',
  );
  await host.run(
    'nft',
    'add rule inet loss in udp sport { 500, 4500 } numgen random mod 100 < 10 drop',
  );
}

describe.skipIf(gate.skip)(
  'establishment through a link that loses every tenth packet (RFC 7296 §2.1)',
  () => {
    for (const ours of ['client', 'server', 'both'] as const) {
      it(`ours as ${ours}: comes up, and most pings are answered`, () =>
        withTunnel(
          ours,
          {},
          async ({ lab }) => {
            await lab.left.ping(addresses.right.inner4, { count: 10 });
          },
          {
            ourSettings: 'retransmit_timeout = 0.5',
            swanSettings: 'retransmit_timeout = 0.5',
            prepare: async (lab) => {
              await dropTenPercent(lab.left);
              await dropTenPercent(lab.right);
            },
          },
        ));
    }
  },
);
