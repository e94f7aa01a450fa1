import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { ikeSpis } from './lab/ike-spis.ts';
import { addresses } from './lab/lab.ts';
import { expectLossless, figuresOf } from './lab/lossless.ts';
import { startInside } from './lab/numbered-packets.ts';
import {
  clientNetworks,
  createRoamingLab,
  joinBeside,
  secondAddresses,
} from './lab/roaming-lab.ts';
import { type Ours, withTunnel } from './lab/tunnel.ts';
import { usesBothNetworks } from './lab/uses-both-networks.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'strongswan'],
  'moves that a user wants, with strongSwan in both roles',
);

const perSecond = 200;
const home = clientNetworks.home[4].own;
const mobile = clientNetworks.mobile[4].own;

const ends = [
  ['client', 'ours as client, strongSwan 5.9.8 as server'],
  ['both', 'ours as both'],
] as const satisfies readonly (readonly [Ours, string])[];

/** A client that is in two networks at once. */
const inTwoNetworks = {
  makeLab: async () => {
    const lab = await createRoamingLab();
    await joinBeside(lab, 'mobile');
    return lab;
  },
};

describe.skipIf(gate.skip)('ipsec-kit move', () => {
  for (const [ours, peers] of ends) {
    it(`${peers}: to another network of the client and back, six times, loses, doubles and reorders nothing (RFC 4555 §3.5)`, ({
      task,
    }) =>
      withTunnel(
        ours,
        {},
        async (established) => {
          const { lab, client } = established;
          await usesBothNetworks(client);
          const spis = await ikeSpis(established);
          const packets = await startInside(lab, perSecond);
          const took: string[] = [];
          for (let round = 0; round < 6; round += 1) {
            const local = round % 2 === 0 ? mobile : home;
            const wanted = round % 2 === 0 ? { local } : {};
            const sentence = (await client?.ask({ action: 'move', ...wanted })) ?? '';
            const [, to, ms] =
              sentence.match(/moved from .* to (\S+):\d+ \(peer .* in (.* ms)/) ?? [];
            expect(to, sentence).toBe(local);
            took.push(ms ?? '');
            // Not more than one move in two seconds.
            await pause(2_100);
          }
          const result = await packets.stop();
          task.meta.figures = `moves ${took.join(', ')}; ${figuresOf(result)}`;
          expect(await ikeSpis(established)).toEqual(spis);
          expectLossless(result, perSecond / 2);
        },
        inTwoNetworks,
      ));
  }

  it('ours as server, strongSwan 5.9.8 as client: to the second address of the server (RFC 4555 §3.6)', ({
    task,
  }) =>
    withTunnel(
      'server',
      { serverAddresses: '%any' },
      async (established) => {
        const { lab, server } = established;
        const spis = await ikeSpis(established);
        const packets = await startInside(lab, perSecond);
        await pause(1_000);
        const sentence = await server?.ask({ action: 'move', local: secondAddresses.v4 });
        expect(sentence).toMatch(
          /moved from 10\.99\.0\.2:4500 .* to 10\.99\.0\.3:4500 .* in .* ms\.$/,
        );
        await pause(1_000);
        const result = await packets.stop();
        task.meta.figures = `${sentence?.match(/in (.* ms)/)?.[1]}; ${figuresOf(result)}`;
        expect(await ikeSpis(established)).toEqual(spis);
        expectLossless(result, perSecond / 2);
      },
      { makeLab: () => createRoamingLab({ network: 'mobile' }) },
    ));

  it('as a command: says from where to where; without MOBIKE it says so, and ends with 11', async () => {
    await withTunnel(
      'client',
      {},
      async ({ lab, client }) => {
        await usesBothNetworks(client);
        const sentence = await client?.command('move', '--connection', 'home', '--local', mobile);
        expect(sentence).toMatch(
          /^IKE SA with server: moved from 10\.98\.0\.2:\d+ \(peer 10\.99\.0\.2:4500\) to 10\.97\.0\.2:\d+ \(peer 10\.99\.0\.2:4500\) in \d+\.\d ms\.$/m,
        );
        expect(client?.process.output).toMatch(
          /path confirmed: this host moved from 10\.98\.0\.2:\d+ to 10\.97\.0\.2:\d+, the peer stays at 10\.99\.0\.2:4500/,
        );
        await lab.left.ping(addresses.right.inner4);
      },
      inTwoNetworks,
    );
    await withTunnel(
      'client',
      { serverExtra: 'mobike = no' },
      async ({ client }) => {
        const failure = String(await client?.command('move').catch((error: unknown) => error));
        expect(failure).toContain('MOBIKE was not negotiated with this peer: `ipsec-kit reauth`');
        expect(failure).toContain('failed (11)');
      },
      inTwoNetworks,
    );
  });
});
