import type { Clock } from '@ipsec-kit/clock';
import { type IpAddress, parseAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  behavingNat,
  cellular,
  createLink,
  disagreements,
  type ExploreRun,
  explore,
  HostNetworks,
  type Middlebox,
  type Nat,
  RandomStream,
  type Simulation,
  type VirtualNetwork,
} from '../../src/index.ts';
import { crypto } from './establishments.ts';
import { pick } from './pick.ts';

/** In which it is reached again, in both directions, once all is well: what waits of a move or of a question about a path goes out. */
const RECOVERY_MS = 10_000;
/** Checks of the peer, all retransmissions, and what lingers. */
const UNTIL_QUIET_MS = 400_000;

type Weather = 'fine' | 'bad' | 'cut';

const PLACES = ['wifi', 'hotel', 'lte'] as const;
type Place = (typeof PLACES)[number];

interface Roaming {
  readonly simulation: Simulation;
  readonly draw: RandomStream;
  readonly phone: HostNetworks;
  readonly nats: readonly Nat[];
  readonly weather: Map<Place, Weather>;
}

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`${text} is no address`);
  return parsed;
}

const ADDRESSES: Readonly<Record<Place, IpAddress>> = {
  wifi: address('192.168.1.2'),
  hotel: address('10.20.0.2'),
  lte: address('100.64.0.2'),
};

/** Two networks behind NATs, and one that is not; the link of each may be cut. */
function networksOf(
  network: VirtualNetwork,
  clock: Clock,
  seed: number,
  weather: ReadonlyMap<Place, Weather>,
): { readonly phone: HostNetworks; readonly nats: readonly Nat[] } {
  const draw = new RandomStream(`${seed}/networks`);
  const linkOf = (place: Place): Middlebox => {
    const link = createLink(
      cellular({ latencyMs: draw.between(2, 80), loss: 0.1, duplication: 0.05, reordering: 0.1 }),
      `${seed}/${place}`,
    );
    const latencyMs = draw.between(1, 100);
    return {
      name: `${place} weather`,
      pass(datagram, direction, now) {
        const outside = weather.get(place) ?? 'fine';
        if (outside === 'cut') return [];
        if (outside === 'bad') return link.pass(datagram, direction, now);
        return [{ datagram, delayMs: latencyMs }];
      },
    };
  };
  const natOf = (place: Place, outside: string): Nat =>
    network.addNat({
      name: `${place} nat`,
      addresses: [address(outside)],
      settings: behavingNat(draw.below(2) === 0 ? {} : { ports: 'random' }),
      seed,
    });
  const nats = [natOf('wifi', '198.51.100.7'), natOf('hotel', '198.51.100.8')] as const;
  const phone = new HostNetworks({
    network,
    clock,
    networks: PLACES.map((name, index) => {
      const nat = nats[index];
      return {
        name,
        addresses: [ADDRESSES[name]],
        metric: 100 * (index + 1),
        links: [linkOf(name)],
        ...(nat ? { segment: nat.inside } : {}),
      };
    }),
    joined: ['wifi'],
  });
  return { phone, nats };
}

const anyHost = ({ simulation, draw }: Roaming) =>
  draw.below(2) === 0 ? simulation.server : simulation.client;

const STEPS: readonly ((roaming: Roaming) => void)[] = [
  ({ phone, draw }) => phone.join(pick(PLACES, draw)),
  ({ phone, draw }) => phone.leave(pick(PLACES, draw)),
  ({ phone, draw }) => {
    const [from, to] = [pick(PLACES, draw), pick(PLACES, draw)];
    phone.leave(from);
    phone.join(to);
  },
  ({ nats, draw }) => pick(nats, draw).reboot(),
  ({ weather, draw }) => {
    weather.set(pick(PLACES, draw), pick(['fine', 'bad', 'cut'] as const, draw));
  },
  ({ weather, draw }) => {
    weather.set(pick(PLACES, draw), 'fine');
  },
  ({ simulation, draw }) => {
    for (const sessionId of simulation.client.sessions.keys()) {
      const to = draw.below(2) === 0 ? {} : { to: ADDRESSES[pick(PLACES, draw)] };
      simulation.client.command({ kind: 'move', sessionId, ...to });
    }
  },
  (roaming) => {
    const host = anyHost(roaming);
    for (const { sessionId, childId } of host.children.values()) {
      host.command({ kind: 'rekey-child', sessionId, childId });
    }
  },
  (roaming) => {
    const host = anyHost(roaming);
    for (const sessionId of host.sessions.keys()) host.command({ kind: 'rekey-ike', sessionId });
  },
  ({ simulation }) => {
    for (const sessionId of simulation.client.sessions.keys())
      simulation.client.command({ kind: 'reauthenticate', sessionId });
  },
  (roaming) => {
    const host = anyHost(roaming);
    for (const sessionId of host.sessions.keys())
      host.command({ kind: 'check-liveness', sessionId });
  },
  ({ simulation }) => void simulation.ping('to-server', { timeoutMs: 100 }),
  ({ simulation }) => void simulation.ping('to-client', { timeoutMs: 100 }),
  (roaming) => {
    for (let i = 0; i < 20; i += 1) {
      roaming.simulation.ping(roaming.draw.below(2) === 0 ? 'to-client' : 'to-server', {
        timeoutMs: 50,
      });
    }
  },
  ({ simulation, draw }) => simulation.runFor(draw.between(0, 100)),
  ({ simulation, draw }) => simulation.runFor(draw.between(0, 1_000)),
  ({ simulation, draw }) => simulation.runFor(draw.between(0, 5_000)),
  ({ simulation, draw }) => simulation.runFor(draw.between(0, 30_000)),
];

function roamAround({ seed, simulate }: ExploreRun): undefined {
  const draw = new RandomStream(`${seed}/roaming`);
  const weather = new Map<Place, Weather>();
  let own: ReturnType<typeof networksOf> | undefined;
  const delays = {
    answerDelayMs: draw.below(2) * draw.between(0, 100),
    reportDelayMs: draw.below(2) * draw.between(0, 100),
  };
  const simulation = simulate({
    crypto,
    client: {
      connection: { mobike: true, dpdDelayMs: 20_000, makeBeforeBreak: true },
      ...delays,
      networks({ network, clock }) {
        own = networksOf(network, clock, seed, weather);
        return own.phone;
      },
    },
    server: { connection: { mobike: true, makeBeforeBreak: true }, ...delays },
  });
  if (!own) throw new Error('the client has no networks');
  expect(simulation.open().opened).toBe(true);
  const roaming: Roaming = { simulation, draw, ...own, weather };
  for (let i = 0; i < 40; i += 1) pick(STEPS, draw)(roaming);
  for (const place of PLACES) weather.set(place, 'fine');
  own.phone.join(pick(PLACES, draw));
  const options = { tries: 20, timeoutMs: RECOVERY_MS / 20 };
  const reached = simulation.ping('to-server', options);
  const answered = simulation.ping('to-client', options);
  if (reached === undefined || answered === undefined) {
    throw new Error(`not reached: to server ${reached}, to client ${answered}`);
  }
  simulation.runFor(UNTIL_QUIET_MS);
  const found = disagreements(simulation);
  if (found.length > 0) throw new Error(found.join('; '));
  for (const direction of ['to-server', 'to-client'] as const) {
    if (simulation.ping(direction) === undefined)
      throw new Error(`afterwards nothing ${direction}`);
  }
}

/** Schedules that have shown a defect, each another one. */
const ONCE_FAILED = [54, 92, 120, 323, 1320, 2607, 2651, 8805, 9714, 12126] as const;

const replay =
  'IPSEC_KIT_SEED=<seed> npx vitest run packages/simulator -t "keeps the session, and reaches both ends"';

describe('a random walk of a phone through networks', () => {
  it('keeps the session, and reaches both ends soon after all is well', () => {
    const onlySeed = process.env.IPSEC_KIT_SEED;
    const { runs, outcomes } = explore({ runs: 300, onlySeed, replay, scenario: roamAround });
    expect(outcomes).toEqual({ passed: runs });
  });

  it.each(ONCE_FAILED)('keeps the session, and reaches both ends, with seed %i', (firstSeed) => {
    explore({ runs: 1, firstSeed, replay, scenario: roamAround });
  });
});
