import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { requestStatus } from '@ipsec-kit/vpn';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { footprintOf } from './lab/footprint.ts';
import { hostDrops } from './lab/host-drops.ts';
import type { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, type Host, type Lab } from './lab/lab.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(['root', 'tun', 'netns', 'iperf3'], 'more UDP than the tunnel carries');

const SECONDS = 6;
const MOST_ANSWER_MS = 1_000;
/** IKE shares its socket with the flood, and the kernel drops what does not fit into it, whatever it is. */
const SENT_AGAIN_SOON = 'retransmit_timeout = 0.2\n  retransmit_tries = 10';
/** Where this program, which only waits, was left without a processor for as long as this, so were those who read the sockets that
 * are flooded: they are full then, and a message is sent several times before it fits. What most answers take counts there.
 */
const BUSY_MS = 100;
/** Of what a process has when it is idle; the queues, batches and socket buffers that a load fills are of fixed size. */
const MOST_GROWTH_MEGABYTES = 60;
/** A process that is run from source has the compiler in it. */
const MOST_MEGABYTES = 300;
/** In all: even a machine that is busy with other things carries this in a moment. */
const LEAST_CARRIED = 10_000;
/** Of every hundred packets offered in a direction some come out of the tunnel: no direction has less than this part of what both
 * have so together. A sender that the machine left without a processor has offered less.
 */
const LEAST_SHARE = 1 / 3;
type Way = 'up' | 'down';

/** iperf3 steers itself by TCP between the addresses that it floods: that goes beside the tunnel, or it would drown. */
async function steerOutside({ left, right }: Lab): Promise<void> {
  for (const [host, other, gateway] of [
    [left, addresses.right.inner4, addresses.right.v4],
    [right, addresses.left.inner4, addresses.left.v4],
  ] as const) {
    await host.run('ip', 'route', 'add', other, 'via', gateway, 'table', '99');
    await host.run('ip', 'rule', 'add', 'to', other, 'ipproto', 'tcp', 'lookup', '99', 'pref', '9');
  }
}

/** Offers UDP for some seconds. An iperf3 that loses its own server on a busy machine begins again for what is left of them. */
async function offer(lab: Lab, ways: readonly Way[]): Promise<void> {
  const until = performance.now() + SECONDS * 1000;
  for (let seconds = SECONDS; seconds > 0; ) {
    const failure = await flood(lab, ways, seconds).catch((error: unknown) => error);
    if (failure === undefined) return;
    seconds = Math.round((until - performance.now()) / 1000);
    if (seconds === SECONDS) throw failure;
  }
}

/** Both ways by one iperf3: its streams begin with a packet that must arrive, before any flood. */
async function flood(lab: Lab, ways: readonly Way[], seconds: number): Promise<void> {
  const target = addresses.right.inner4;
  await lab.right.start('iperf3', ['-s', '-1', '-B', target, '--forceflush']).waitFor(/listening/i);
  const ends = ['-c', target, '-B', addresses.left.inner4];
  const load = ['-u', '-b', '2G', '-l', '1300', '-t', `${seconds}`];
  await lab.left.run('iperf3', ...ends, ...load, ...(ways.length > 1 ? ['--bidir'] : []));
}

/** Rekeys the IKE SA over and over. @returns how long the peer took each time to answer the request that ends the old one,
 * an INFORMATIONAL exchange like that which asks whether the peer lives.
 */
async function answersOf(client: IpsecKit): Promise<number[]> {
  const answers: number[] = [];
  await pause(500);
  const until = performance.now() + (SECONDS - 2) * 1000;
  while (performance.now() < until) {
    const from = performance.now();
    await client.ask({ action: 'rekey' });
    await pause(300);
    const { sessions } = await requestStatus(client.control);
    const { lastRoundTripMs = performance.now() - from } = sessions[0] ?? {};
    answers.push(lastRoundTripMs);
  }
  return answers;
}

/** Packets that one end was offered by its host, taken or dropped at its device, and those of them that came out at the other end. */
async function carriedBetween(
  from: IpsecKit,
  host: Host,
  to: IpsecKit,
): Promise<{ offered: number; carried: number }> {
  const counters = async ({ control }: IpsecKit) => (await requestStatus(control)).counters;
  const taken = (await counters(from))?.outPackets ?? 0;
  const dropped = (await hostDrops(host))['ipsec0 tx'] ?? 0;
  return { offered: taken + dropped, carried: (await counters(to))?.inPackets ?? 0 };
}

/** What an end keeps packets to, and how many it has refused for their size; packets of this flood fit into the path. */
async function refusedBy({ control }: IpsecKit): Promise<[number, number]> {
  const { sessions, counters } = await requestStatus(control);
  return [sessions[0]?.pathMtuBytes ?? 1500, counters?.drops['too-big'] ?? 0];
}

describe.skipIf(gate.skip)('2 Gbit/s of UDP offered to a tunnel', () => {
  for (const [title, ways] of [
    ['up', ['up']],
    ['either way at once', ['up', 'down']],
  ] as const satisfies readonly (readonly [string, readonly Way[]])[]) {
    it(`${title}: memory stays bounded, IKE is answered within 1 s, each direction has its share, and no packet is taken for too large`, ({
      task,
    }) =>
      withTunnel(
        'both',
        { pool: false },
        async ({ lab, client, server }) => {
          if (!client || !server) throw new Error('both ends are ours');
          const megabytes = (): number[] =>
            [client, server].map((end) => footprintOf(end).residentMegabytes);
          const before = megabytes();
          await steerOutside(lab);
          const stalls = monitorEventLoopDelay({ resolution: 10 });
          stalls.enable();
          const load = offer(lab, ways);
          const answers = await answersOf(client);
          const after = megabytes();
          stalls.disable();
          const stallMs = stalls.max / 1e6;
          await load;
          const flows = await Promise.all(
            ways.map((way) =>
              way === 'up'
                ? carriedBetween(client, lab.left, server)
                : carriedBetween(server, lab.right, client),
            ),
          );
          const carried = flows.map((flow) => flow.carried);
          const offered = flows.map((flow) => flow.offered);
          const rounded = (values: readonly number[]): string => values.map(Math.round).join(', ');
          task.meta.figures = `answers ${rounded(answers)} ms (own stall ${rounded([stallMs])} ms), memory ${rounded(before)} to ${rounded(after)} MB, carried ${rounded(carried)} of ${rounded(offered)} packets (${ways.join(', ')})`;
          expect(answers.length).toBeGreaterThan(1);
          const ordered = answers.toSorted((a, b) => a - b);
          const judged = stallMs < BUSY_MS ? ordered.at(-1) : ordered[(ordered.length - 1) >> 1];
          expect(judged).toBeLessThan(MOST_ANSWER_MS);
          for (const [i, now] of after.entries()) {
            expect(now - (before[i] ?? 0)).toBeLessThan(MOST_GROWTH_MEGABYTES);
            expect(now).toBeLessThan(MOST_MEGABYTES);
          }
          // What does not fit is lost; what fits goes on coming.
          const inAll = carried.reduce((sum, packets) => sum + packets, 0);
          expect(inAll).toBeGreaterThan(LEAST_CARRIED);
          const rates = flows.map((flow) => flow.carried / flow.offered);
          const both = rates.reduce((sum, rate) => sum + rate, 0);
          for (const rate of rates) expect(rate / both).toBeGreaterThan(LEAST_SHARE);
          for (const end of [client, server]) expect(await refusedBy(end)).toEqual([1500, 0]);
          expect(await client.stop()).toBe(0);
          expect(await server.stop()).toBe(0);
        },
        { ourSettings: SENT_AGAIN_SOON },
      ));
  }
});
