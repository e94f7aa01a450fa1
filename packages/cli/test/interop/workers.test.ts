import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { requestStatus } from '@ipsec-kit/vpn';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { byCertificate } from './lab/certificates.ts';
import type { EchoesOfClient } from './lab/clients-report.ts';
import { serverConfiguration } from './lab/configuration.ts';
import { fromSource, IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, createLab } from './lab/lab.ts';
import { expectLossless, figuresOf } from './lab/lossless.ts';
import { layOutServer, newPki } from './lab/many-clients-pki.ts';
import { startFlows } from './lab/many-flows.ts';
import type { CountedResult } from './lab/numbered-packets.ts';
import { rekeyInTurn } from './lab/rekeys-in-turn.ts';
import { replayFromElsewhere } from './lab/replay.ts';
import {
  clientNetworks,
  createRoamingLab,
  joinBeside,
  secondAddresses,
} from './lab/roaming-lab.ts';
import { notRising, watchSequences } from './lab/sequence-watch.ts';
import { type Preparation, withTunnel } from './lab/tunnel.ts';
import { usesBothNetworks } from './lab/uses-both-networks.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'strongswan', 'tshark'],
  'two workers with strongSwan in both roles',
);

const script = fileURLToPath(new URL('./lab/many-clients.ts', import.meta.url));
const CLIENTS = 8;
/** Of some 370 that each client would send. */
const LEAST_ECHOES = 40;
const FLOWS = 32;
const PER_SECOND = 1_000;
const two: Preparation = { ourSettings: 'workers = 2' };

type Worker = NonNullable<Awaited<ReturnType<typeof requestStatus>>['workers']>[number];

/** Both workers, the one that has the pairs first. */
async function workersOf(ours: IpsecKit | undefined): Promise<readonly [Worker, Worker]> {
  const { workers } = await requestStatus(ours?.control ?? '');
  const [first, second] = workers ?? [];
  if (!first || !second) throw new Error('there are no two workers');
  return first.pairs > 0 ? [first, second] : [second, first];
}

/** One had the SAs of the peer, through all rekeys, and the other has read a part of the flows for it. */
async function expectBothCarried(ours: IpsecKit | undefined, all: CountedResult): Promise<string> {
  const [owner, other] = await workersOf(ours);
  const least = Math.min(all.up.received, all.down.received);
  expect(owner.inPackets).toBeGreaterThanOrEqual(least);
  expect(owner.outPackets).toBeGreaterThanOrEqual(least);
  expect(owner.handedOver).toBe(0);
  expect(other).toMatchObject({ pairs: 0, inPackets: 0, outPackets: 0, handoverDrops: 0 });
  expect(other.handedOver).toBeGreaterThan(0);
  return `${owner.outPackets} packets out, ${other.handedOver} of them read by the other worker`;
}

describe.skipIf(gate.skip)(
  'two workers with strongSwan 5.9.8, 1,000 packets a second each way in 32 flows',
  () => {
    for (const ours of ['client', 'server'] as const) {
      it(`ours as ${ours}: through rekeys of Child and IKE SA by either side lose, double and reorder none, and use no number twice (RFC 4303 §3.3.3, RFC 7296 §2.8)`, ({
        task,
      }) =>
        withTunnel(
          ours,
          {},
          async (established) => {
            const { lab, client, server } = established;
            const host = client ? lab.left : lab.right;
            const source = client ? addresses.left.v4 : addresses.right.v4;
            // What the kernel would split behind the capture would show one number alone.
            await host.run('ip', 'link', 'set', 'eth0', 'gso_max_segs', '1');
            const sequences = await watchSequences(host, 'eth0', source);
            const packets = await startFlows(lab, FLOWS, 1.25 * PER_SECOND);
            await rekeyInTurn(established, 6, (round) => round % 4 === 3);
            const result = await packets.stop();
            const bySpi = await sequences.stop();
            const shared = await expectBothCarried(client ?? server, result);
            const numbers = [...bySpi.values()];
            const seen = numbers.reduce((sum, { length }) => sum + length, 0);
            task.meta.figures = `${figuresOf(result)}; ${shared}; ${bySpi.size} SAs, ${seen} numbers seen`;
            expect(numbers.flatMap(notRising)).toEqual([]);
            expect(bySpi.size).toBeGreaterThanOrEqual(9);
            expect(seen).toBeGreaterThan(0.9 * result[client ? 'up' : 'down'].sent);
            expectLossless(result, PER_SECOND);
          },
          two,
        ));
    }

    it('ours as client: to another network and back lose, double and reorder none (RFC 4555 §3.5)', ({
      task,
    }) =>
      withTunnel(
        'client',
        {},
        async ({ lab, client }) => {
          await usesBothNetworks(client);
          const packets = await startFlows(lab, FLOWS, 1.25 * PER_SECOND);
          for (const wanted of [{ local: clientNetworks.mobile[4].own }, {}]) {
            await pause(1_000);
            expect(await client?.ask({ action: 'move', ...wanted })).toMatch(/moved from/);
          }
          await pause(1_000);
          const result = await packets.stop();
          task.meta.figures = `${figuresOf(result)}; ${await expectBothCarried(client, result)}`;
          expectLossless(result, PER_SECOND);
        },
        {
          ...two,
          makeLab: async () => {
            const lab = await createRoamingLab();
            await joinBeside(lab, 'mobile');
            return lab;
          },
        },
      ));

    it('ours as server: to its second address lose, double and reorder none (RFC 4555 §3.6)', ({
      task,
    }) =>
      withTunnel(
        'server',
        { serverAddresses: '%any' },
        async ({ lab, server }) => {
          const packets = await startFlows(lab, FLOWS, 1.25 * PER_SECOND);
          await pause(1_000);
          const sentence = await server?.ask({ action: 'move', local: secondAddresses.v4 });
          expect(sentence).toMatch(/moved from/);
          await pause(1_000);
          const result = await packets.stop();
          task.meta.figures = `${figuresOf(result)}; ${await expectBothCarried(server, result)}`;
          expectLossless(result, PER_SECOND);
        },
        { ...two, makeLab: () => createRoamingLab({ network: 'mobile' }) },
      ));
  },
);

describe.skipIf(gate.skip)('two workers of a server', () => {
  it(`have ${CLIENTS} clients between them, none of which loses an echo`, async ({ task }) => {
    const [pki, lab] = [await newPki(CLIENTS), await createLab()];
    try {
      layOutServer(lab.right, pki);
      const configuration = serverConfiguration({ server: byCertificate.server });
      const server = await IpsecKit.start(lab.right, 'serve', configuration, {
        settings: 'workers = 2',
      });
      await server.process.waitFor(/listening/i);
      await lab.right.run('ip', 'link', 'set', 'ipsec0', 'txqueuelen', '10000');
      const target = [addresses.right.v4, addresses.right.inner4];
      const clients = lab.left.start(
        process.execPath,
        fromSource(script, pki, String(CLIENTS), ...target, String(PER_SECOND)),
      );
      await clients.waitFor(/^ready/m, 60_000);
      clients.child.kill('SIGUSR2');
      await pause(3_000);
      clients.child.kill('SIGINT');
      const [, json = ''] = await clients.waitFor(/^report (.*)$/m);
      const { workers = [], counters } = await requestStatus(server.control);
      const echoes: readonly EchoesOfClient[] = JSON.parse(json);
      const sent = echoes.reduce((sum, one) => sum + one.sent, 0);
      task.meta.figures = `${sent} echoes of ${echoes.length} clients; ${workers.map((one) => `${one.inPackets} in, ${one.outPackets} out, ${one.handedOver} read for the other`).join('; ')}`;
      expect(echoes.filter((one) => one.sent !== one.received || one.doubled > 0)).toEqual([]);
      // A busy machine lets a client send less, and the tunnel is not to blame.
      for (const one of echoes) expect(one.sent).toBeGreaterThan(LEAST_ECHOES);
      // The sessions may have been closed by now; what each has carried says whose they were.
      for (const { inPackets, outPackets } of workers) {
        expect(inPackets).toBeGreaterThan(0.4 * sent);
        expect(outPackets).toBeGreaterThan(0.4 * sent);
      }
      expect(counters?.drops).toMatchObject({ 'unknown-spi': 0, 'handover-full': 0, 'bad-icv': 0 });
    } catch (error) {
      throw new Error(`${String(error)}\n${lab.outputs().slice(-6_000)}`, { cause: error });
    } finally {
      await lab.close();
      rmSync(pki, { recursive: true, force: true });
    }
  });

  it('count each copy of a packet as a replay, and follow none (RFC 4303 §3.4.3, RFC 7296 §2.23)', ({
    task,
  }) =>
    withTunnel(
      'server',
      {},
      async ({ lab, server }) => {
        const packets = await startFlows(lab, FLOWS, 200);
        await pause(300);
        const replay = await replayFromElsewhere(lab);
        const result = await packets.stop();
        const { counters } = await requestStatus(server?.control ?? '');
        task.meta.figures = `${replay.sent} sent again; ${figuresOf(result)}`;
        expect(replay).toMatchObject({ answered: 0 });
        expect(counters?.drops).toMatchObject({ replayed: replay.sent, 'bad-icv': 0 });
        expect(server?.process.output).not.toContain('peer moved');
        expectLossless(result, 100);
      },
      { ...two, makeLab: createRoamingLab },
    ));
});
