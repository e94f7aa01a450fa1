import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { ikeSpis } from './lab/ike-spis.ts';
import { addresses } from './lab/lab.ts';
import { createNat64Lab, nat64Prefix } from './lab/nat64-lab.ts';
import { outageMs } from './lab/outages.ts';
import { type ClientNetwork, move } from './lab/roaming-lab.ts';
import { type Established, type Ours, withTunnel } from './lab/tunnel.ts';
import { type Moved, whileMoving } from './lab/while-moving.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'conntrack', 'strongswan', 'tayga'],
  'a client in a network with IPv6 alone, and a server with IPv4 alone',
);

const limitMs = 3_000;

/** Where a network has a NAT64, the DNS in it leads strongSwan through, which looks for none itself. */
const byName = { clientExtra: 'remote_addrs = server.example' };

const other = { home: 'mobile', mobile: 'home' } as const;
const familyIn = { home: 6, mobile: 4 } as const;

/** The client goes to the other network, and back. */
function thereAndBack({ lab }: Established, from: ClientNetwork): Promise<Moved> {
  const to = other[from];
  return whileMoving(lab, [
    () => move(lab, from, to, [familyIn[to]]),
    () => move(lab, to, from, [familyIn[from]]),
  ]);
}

async function expectToStay(established: Established, from: ClientNetwork): Promise<string> {
  const spis = await ikeSpis(established);
  const { result, failure, text } = await thereAndBack(established, from);
  expect(await ikeSpis(established)).toEqual(spis);
  expect(failure).toBeUndefined();
  for (const way of ['up', 'down'] as const)
    expect(outageMs(result[way]) ?? Number.POSITIVE_INFINITY, way).toBeLessThanOrEqual(limitMs);
  return text;
}

const ends = [
  ['client', 'ours as client, strongSwan 5.9.8 as server'],
  ['both', 'ours as both'],
] as const satisfies readonly (readonly [Ours, string])[];

describe.skipIf(gate.skip)('a client with IPv6 alone, behind a NAT64', () => {
  for (const [ours, peers] of ends) {
    it(`${peers}: finds the NAT64 in DNS, goes on in a network with IPv4, and comes back (RFC 7050 §3, RFC 6052 §2)`, ({
      task,
    }) =>
      withTunnel(
        ours,
        {},
        async (established) => {
          task.meta.figures = await expectToStay(established, 'home');
        },
        { makeLab: () => createNat64Lab('home') },
      ));
  }

  it('ours as client, strongSwan 5.9.8 as server: a session from a network with IPv4 goes on through a NAT64 with a configured prefix, and back', ({
    task,
  }) =>
    withTunnel(
      'client',
      {},
      async (established) => {
        task.meta.figures = await expectToStay(established, 'mobile');
      },
      {
        makeLab: () => createNat64Lab('mobile', false),
        ourSettings: `nat64_prefix = ${nat64Prefix}`,
      },
    ));

  it('ours as server, strongSwan 5.9.8 as client: is reached through a NAT64 whose DNS leads there', () =>
    withTunnel(
      'server',
      byName,
      async (established) => {
        const { lab } = established;
        await lab.left.ping(addresses.right.inner4);
        await lab.right.ping('10.88.0.1', { source: addresses.right.inner4 });
      },
      { makeLab: () => createNat64Lab('home') },
    ));

  it('strongSwan 5.9.8 with strongSwan 5.9.8, for comparison', ({ task }) =>
    withTunnel(
      'none',
      byName,
      async (established) => {
        const { text } = await thereAndBack(established, 'home');
        task.meta.figures = text;
        expect(await ikeSpis(established)).toHaveLength(1);
      },
      { makeLab: () => createNat64Lab('home') },
    ));
});
