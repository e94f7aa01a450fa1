import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import type { Tunnel } from './lab/configuration.ts';
import { ikeSpis } from './lab/ike-spis.ts';
import { addresses } from './lab/lab.ts';
import { outageMs } from './lab/outages.ts';
import { createRoamingLab, move, type Roaming } from './lab/roaming-lab.ts';
import { type Established, type Ours, withTunnel } from './lab/tunnel.ts';
import { whileMoving } from './lab/while-moving.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'conntrack', 'strongswan'],
  'ends that move, with strongSwan in both roles',
);

const usualLimitMs = 3_000;

const ends = [
  ['both', 'ours as both'],
  ['client', 'ours as client, strongSwan 5.9.8 as server'],
  ['server', 'ours as server, strongSwan 5.9.8 as client'],
  ['none', 'strongSwan 5.9.8 with strongSwan 5.9.8, for comparison'],
] as const satisfies readonly (readonly [Ours, string])[];

interface Move {
  /** Ends between which the tunnel does not come back in this time, and cannot by what ours does: only the IKE SA has to stay. */
  readonly outOfReach?: readonly Ours[];
  /** 3 s when absent. */
  readonly limitMs?: number;
  readonly tunnel: Tunnel;
  readonly roaming: Roaming;
  readonly steps: (established: Established) => readonly (() => Promise<void>)[];
}

const moves: Readonly<Record<string, Move>> = {
  'the client goes from behind a NAT to another network without one, and back': {
    tunnel: {},
    roaming: {},
    steps: ({ lab }) => [() => move(lab, 'home', 'mobile'), () => move(lab, 'mobile', 'home')],
  },
  'the client goes from IPv4 to IPv6, and back': {
    tunnel: { serverAddresses: '%any' },
    roaming: {},
    steps: ({ lab }) => [
      () => move(lab, 'home', 'mobile', [6]),
      () => move(lab, 'mobile', 'home', [4]),
    ],
  },
  'the server loses its first address, and has its second': {
    tunnel: { serverAddresses: '%any' },
    roaming: { network: 'mobile' },
    steps: ({ lab }) => [
      async () =>
        void (await lab.right.run('ip', 'addr', 'del', `${addresses.right.v4}/24`, 'dev', 'eth0')),
    ],
  },
  'the server, of a client behind a NAT, loses its first address': {
    // The NAT lets in only what the client asked for, so a server that moves is found by its client or not at all. Ours keeps a mapping
    // to each address of the server, and looks for one that is silent; strongSwan does neither.
    outOfReach: ['server'],
    // Ours knows only by the silence, after two seconds of it and what a request without an answer takes.
    limitMs: 4_500,
    tunnel: { serverAddresses: '%any' },
    roaming: {},
    steps: ({ lab }) => [
      async () =>
        void (await lab.right.run('ip', 'addr', 'del', `${addresses.right.v4}/24`, 'dev', 'eth0')),
    ],
  },
};

for (const [title, entry] of Object.entries(moves)) {
  const { tunnel, roaming, steps, outOfReach = [], limitMs = usualLimitMs } = entry;
  describe.skipIf(gate.skip)(title, () => {
    for (const [ours, peers] of ends) {
      it(`${peers}: the IKE SA and a TCP transfer go on (RFC 4555 §3.5)`, ({ task }) =>
        withTunnel(
          ours,
          tunnel,
          async (established) => {
            const spis = await ikeSpis(established);
            const { result, failure, text } = await whileMoving(
              established.lab,
              steps(established),
            );
            task.meta.figures = text;
            if (ours === 'none') return;
            expect(await ikeSpis(established)).toEqual(spis);
            if (outOfReach.includes(ours)) return;
            expect(failure).toBeUndefined();
            for (const way of ['up', 'down'] as const)
              expect(outageMs(result[way]) ?? Number.POSITIVE_INFINITY, way).toBeLessThanOrEqual(
                limitMs,
              );
          },
          { makeLab: () => createRoamingLab(roaming) },
        ));
    }
  });
}
