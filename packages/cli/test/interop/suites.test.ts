import { describe, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { addresses } from './lab/lab.ts';
import { transfer } from './lab/transfer.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'every suite with strongSwan in both roles',
);

const ikeProposals = [
  'aes256-sha256-x25519',
  'aes128gcm16-prfsha256-ecp256',
  'aes256-sha384-modp2048',
  'chacha20poly1305-prfsha256-x25519',
];
const espProposals = ['aes256gcm16', 'aes128-sha256', 'chacha20poly1305'];

describe.skipIf(gate.skip)('a tunnel with strongSwan 5.9.8', () => {
  for (const ours of ['client', 'server'] as const) {
    const swanRole = ours === 'client' ? 'responder' : 'initiator';
    for (const [row, ike] of ikeProposals.entries()) {
      for (const [column, esp] of espProposals.entries()) {
        // Every IKE and every ESP suite meets both ways of addressing.
        const pool = (row + column) % 2 === 0;
        const title = `as ${swanRole}: IKE ${ike}, ESP ${esp}, ${pool ? 'virtual IP' : 'networks'}`;
        it(title, () =>
          withTunnel(ours, { ike, esp, pool }, async ({ lab }) => {
            await lab.left.ping(
              addresses.right.inner4,
              pool ? {} : { source: addresses.left.inner4 },
            );
            await lab.right.ping(pool ? '10.88.0.1' : addresses.left.inner4, {
              source: addresses.right.inner4,
            });
          }),
        );
      }
    }

    for (const esp of espProposals) {
      it(`as ${swanRole}: 50 MB of TCP each way arrive unchanged through ESP ${esp}`, () =>
        withTunnel(ours, { esp }, async ({ lab }) => {
          await transfer(lab.left, lab.right, addresses.right.inner4, 50, 'up');
          await transfer(lab.left, lab.right, addresses.right.inner4, 50, 'down');
        }));
    }
  }
});
