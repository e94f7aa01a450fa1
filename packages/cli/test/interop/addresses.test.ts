import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { addresses } from './lab/lab.ts';
import { transfer } from './lab/transfer.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'both address families with strongSwan',
);

const rows = [
  { outer: 4, inner: [6] },
  { outer: 4, inner: [4, 6] },
  { outer: 6, inner: [4] },
  { outer: 6, inner: [6] },
  { outer: 6, inner: [4, 6] },
] as const;

describe.skipIf(gate.skip)('address families with strongSwan 5.9.8', () => {
  for (const ours of ['client', 'server'] as const) {
    for (const pool of [true, false]) {
      for (const { outer, inner } of rows) {
        const title = `ours as ${ours}: IPv${outer} outside, IPv${inner.join(' and IPv')} inside, ${pool ? 'virtual IP' : 'networks'}`;
        it(title, () =>
          withTunnel(ours, { outer, inner, pool }, async ({ lab }) => {
            for (const family of inner) {
              const near = family === 4 ? addresses.left.inner4 : addresses.left.inner6;
              const far = family === 4 ? addresses.right.inner4 : addresses.right.inner6;
              const virtual = family === 4 ? '10.88.0.1' : 'fd88::1';
              await lab.left.ping(far, pool ? {} : { source: near });
              await lab.right.ping(pool ? virtual : near, { source: far });
            }
          }),
        );
      }
    }

    it(`ours as ${ours}: 50 MB of TCP over IPv6 inside IPv6 arrive unchanged each way`, () =>
      withTunnel(ours, { outer: 6, inner: [6] }, async ({ lab }) => {
        await transfer(lab.left, lab.right, addresses.right.inner6, 50, 'up');
        await transfer(lab.left, lab.right, addresses.right.inner6, 50, 'down');
      }));
  }

  it('ours as client: a ping larger than the tunnel MTU arrives in fragments', () =>
    withTunnel('client', {}, async ({ lab }) => {
      await lab.left.ping(addresses.right.inner4, { size: 3000 });
      expect(await lab.left.run('ip', 'route', 'get', addresses.right.inner4)).toMatch(/dev ipsec/);
    }));
});
