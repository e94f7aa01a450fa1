import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { expectLossless, figuresOf } from './lab/lossless.ts';
import { startInside } from './lab/numbered-packets.ts';
import { rekeyInTurn } from './lab/rekeys-in-turn.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'rekeys with strongSwan in both roles',
);

const leastPerSecond = 1_000;

describe.skipIf(gate.skip)(
  'rekeys with strongSwan 5.9.8, 1,000 numbered packets a second each way',
  () => {
    for (const ours of ['client', 'server'] as const) {
      it(`ours as ${ours}: 100, begun by either side in turn, of Child and IKE SA, lose, double and reorder none (RFC 7296 §2.8)`, ({
        task,
      }) =>
        withTunnel(ours, {}, async (established) => {
          const { lab, swan } = established;
          const packets = await startInside(lab, 1.25 * leastPerSecond);
          await rekeyInTurn(established, 50, (round) => round % 10 === 9);
          const result = await packets.stop();
          task.meta.figures = figuresOf(result);
          expect(await swan?.counter('child-rekey')).toBe(90);
          expect(await swan?.counter('ike-rekey-init')).toBe(5);
          expect(await swan?.counter('ike-rekey-resp')).toBe(5);
          expect(await swan?.counter('create-child-in-req')).toBe(50);
          expectLossless(result, leastPerSecond);
        }));

      it(`ours as ${ours}: 30 of the Child SA that both sides ask for at once leave one, lose, double and reorder none (RFC 7296 §2.8.1, §2.25.1)`, ({
        task,
      }) =>
        withTunnel(ours, {}, async ({ lab, swan, client, server }) => {
          const own = client ?? server;
          const packets = await startInside(lab, 1.25 * leastPerSecond);
          for (let round = 0; round < 30; round += 1) {
            const theirs = swan?.swanctl('--rekey', '--child', 'net');
            // What swanctl takes to start differs: the requests cross at every point of each other.
            await pause(4 * (round % 10));
            await Promise.all([theirs, own?.ask({ action: 'rekey', child: 'net' })]);
            await pause(60);
          }
          // What strongSwan 5.9.8 has deleted, it keeps for 5 s.
          await expect.poll(() => swan?.listSas(), { timeout: 20_000 }).not.toMatch(/DELETED/);
          const result = await packets.stop();
          task.meta.figures = figuresOf(result);
          expectLossless(result, leastPerSecond);
          const sas = (await swan?.listSas()) ?? '';
          const spis = [...sas.matchAll(/^ +(in|out) +([0-9a-f]{8})/gm)].map(([, , spi]) => spi);
          const [outboundSpi, inboundSpi] = spis;
          expect(spis).toHaveLength(2);
          expect(await own?.status()).toMatchObject({
            sessions: [{ children: [{ name: 'net', inboundSpi, outboundSpi }] }],
          });
        }));

      it(`ours as ${ours}: begun by us, of the Child SA by its packets and of the IKE SA by time, lose, double and reorder none (RFC 7296 §2.8)`, ({
        task,
      }) => {
        const child =
          'rekey_packets = 250\n        rand_packets = 50\n        life_packets = 100000';
        const ike = 'rekey_time = 3s\n    over_time = 60s\n    rand_time = 1s';
        const tunnel =
          ours === 'client'
            ? { clientExtra: ike, childExtra: child }
            : { serverExtra: ike, serverChildExtra: child };
        return withTunnel(ours, tunnel, async ({ lab, swan, client, server }) => {
          const packets = await startInside(lab, 1.25 * leastPerSecond);
          const own = (client ?? server)?.process;
          await own?.waitForCount(/Child SA net rekeyed by us/g, 30, 60_000);
          await own?.waitForCount(/IKE SA rekeyed by us/g, 2, 30_000);
          const result = await packets.stop();
          task.meta.figures = figuresOf(result);
          expect(await swan?.counter('child-rekey')).toBeGreaterThanOrEqual(30);
          expect(await swan?.counter('ike-rekey-resp')).toBeGreaterThanOrEqual(2);
          expect(await swan?.counter('create-child-out-req')).toBe(0);
          expectLossless(result, leastPerSecond);
        });
      });
    }
  },
);
