import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { ikeSpis } from './lab/ike-spis.ts';
import { addresses } from './lab/lab.ts';
import { outageMs } from './lab/outages.ts';
import { createRoamingLab, joinBeside } from './lab/roaming-lab.ts';
import { type Ours, withTunnel } from './lab/tunnel.ts';
import { whileMoving } from './lab/while-moving.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'strongswan'],
  'a route that is gone, with strongSwan as the other end',
);

const ends = [
  ['client', 'ours as client, strongSwan 5.9.8 as server'],
  ['both', 'ours as both'],
] as const satisfies readonly (readonly [Ours, string])[];

/** A request whose loss nobody tells of is sent again after four seconds. */
const limitMs = 2_000;
/** With ESP alone nothing would be sent again at all: the peer is still heard, so not even silence is noticed. */
const espLimitMs = 1_000;

/** A client in two networks. From the first of them the server cannot be reached any more, which the system says; the address stays. */
async function inTwoNetworks() {
  const lab = await createRoamingLab();
  await joinBeside(lab, 'mobile');
  return lab;
}

describe.skipIf(gate.skip)('the route from the network in use is gone', () => {
  for (const [ours, peers] of ends) {
    it(`${peers}: ESP that the system refuses goes on from the other network at once, while no request is due (RFC 4555 §3.5)`, ({
      task,
    }) =>
      withTunnel(
        ours,
        {},
        async (established) => {
          const { lab } = established;
          const spis = await ikeSpis(established);
          const { result, failure, text } = await whileMoving(lab, [
            async () => {
              await lab.left.run('ip', 'route', 'add', 'unreachable', addresses.right.v4);
            },
          ]);
          task.meta.figures = text;
          expect(await ikeSpis(established)).toEqual(spis);
          expect(failure).toBeUndefined();
          for (const way of ['up', 'down'] as const) {
            const ms = outageMs(result[way]) ?? Number.POSITIVE_INFINITY;
            expect(ms, way).toBeLessThanOrEqual(espLimitMs);
          }
        },
        { makeLab: inTwoNetworks },
      ));

    it(`${peers}: a request that the system refuses goes on from the other network at once, and the tunnel with it (RFC 4555 §3.5)`, ({
      task,
    }) =>
      withTunnel(
        ours,
        {},
        async (established) => {
          const { lab, client } = established;
          const spis = await ikeSpis(established);
          const { result, failure, text } = await whileMoving(lab, [
            async () => {
              await lab.left.run('ip', 'route', 'add', 'unreachable', addresses.right.v4);
              await client?.ask({ action: 'rekey', child: 'net' });
            },
          ]);
          task.meta.figures = text;
          expect(await ikeSpis(established)).toEqual(spis);
          expect(failure).toBeUndefined();
          for (const way of ['up', 'down'] as const) {
            const ms = outageMs(result[way]) ?? Number.POSITIVE_INFINITY;
            expect(ms, way).toBeLessThanOrEqual(limitMs);
          }
        },
        { makeLab: inTwoNetworks },
      ));
  }
});
