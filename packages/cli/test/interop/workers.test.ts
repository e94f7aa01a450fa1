import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { addresses } from './lab/lab.ts';
import { transfer } from './lab/transfer.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'several workers with strongSwan 5.9.8',
);

describe.skipIf(gate.skip)('two workers', () => {
  for (const ours of ['client', 'server', 'both'] as const) {
    it(`ours as ${ours}: carry traffic`, () =>
      withTunnel(
        ours,
        {},
        async ({ lab, client, server }) => {
          await transfer(lab.left, lab.right, addresses.right.inner4, 50, 'up');
          await transfer(lab.left, lab.right, addresses.right.inner4, 50, 'down');
          console.log(await (client ?? server)?.command('status'));
          console.log((client ?? server)?.process.output);
          expect(1).toBe(1);
        },
        { ourSettings: 'workers = 2' },
      ));
  }
});
