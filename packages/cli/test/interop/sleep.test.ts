import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { endSearch } from './lab/end-search.ts';
import { ikeSpis } from './lab/ike-spis.ts';
import { watchStalls } from './lab/machine-stalls.ts';
import { prepareInside } from './lab/numbered-packets.ts';
import { createRoamingLab, mappedPorts } from './lab/roaming-lab.ts';
import { type Established, withTunnel } from './lab/tunnel.ts';
import { datagramKind, watchDatagrams } from './lab/watch-datagrams.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'conntrack', 'strongswan', 'tcpdump'],
  'a client that sleeps behind a NAT, with strongSwan as the server',
);

const mappingSeconds = 3;
const sleepMs = 7_000;
const quietMs = 1_500;
/** For what is under way to arrive, or not. */
const watchMs = 4_000;
const limitMs = 1_500;

interface Wake {
  /** From the continuation to the first packet that the server's network sent after it; absent for none. */
  readonly recoveredMs?: number;
  /** What the client sent first. */
  readonly firstOut: string;
}

/** Stops the client until the NAT has forgotten it, continues it, and has the server's network send. */
async function sleepAndWake(established: Established): Promise<Wake> {
  const { lab, client, swan } = established;
  await endSearch(established);
  const signal = (name: 'SIGSTOP' | 'SIGCONT'): void => {
    if (client) client.process.child.kill(name);
    else swan?.signal(name);
  };
  const pair = await prepareInside(lab, { up: 0, down: 50 });
  // What the opening has set going would be answered first.
  await pause(quietMs);
  signal('SIGSTOP');
  try {
    await pause(sleepMs);
    expect(await mappedPorts(lab)).toEqual([]);
    const wire = await watchDatagrams(lab.router, 'home', 'src host 10.98.0.2 and udp');
    const packets = pair.begin();
    const machine = watchStalls();
    const continuedAt = Date.now();
    signal('SIGCONT');
    await pause(watchMs);
    const { down } = await packets.stop();
    const [first] = await wire.stop();
    machine.stop();
    const tookMs = down.firstAt - continuedAt - machine.within(continuedAt, down.firstAt);
    return {
      ...(down.firstAt === 0 ? {} : { recoveredMs: Math.round(tookMs) }),
      firstOut: first === undefined ? 'nothing' : datagramKind(first),
    };
  } finally {
    signal('SIGCONT');
  }
}

const figures = ({ recoveredMs, firstOut }: Wake): string =>
  `asleep for ${sleepMs} ms, mapping kept for ${mappingSeconds} s; ${recoveredMs === undefined ? `not reached within ${watchMs} ms` : `reached after ${recoveredMs} ms`}; first out: ${firstOut}`;

const preparation = { makeLab: () => createRoamingLab({ mappingSeconds }) };

describe.skipIf(gate.skip)('a client that was stopped past the lifetime of its NAT mapping', () => {
  for (const [ours, peer] of [
    ['both', 'ours as both'],
    ['client', 'ours as client, strongSwan 5.9.8 as server'],
  ] as const) {
    it(`${peer}: is reached again within 1.5 s; the first packet out is no keepalive (RFC 4555 §3.8)`, ({
      task,
    }) =>
      withTunnel(
        ours,
        {},
        async (established) => {
          const spis = await ikeSpis(established);
          const wake = await sleepAndWake(established);
          task.meta.figures = figures(wake);
          expect(wake.firstOut).toBe('INFORMATIONAL');
          expect(wake.recoveredMs ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(limitMs);
          expect(await ikeSpis(established)).toEqual(spis);
        },
        preparation,
      ));
  }

  it('strongSwan 5.9.8 with strongSwan 5.9.8, for comparison', ({ task }) =>
    withTunnel(
      'none',
      {},
      async (established) => {
        const wake = await sleepAndWake(established);
        task.meta.figures = figures(wake);
        expect(await ikeSpis(established)).toHaveLength(1);
      },
      preparation,
    ));
});
