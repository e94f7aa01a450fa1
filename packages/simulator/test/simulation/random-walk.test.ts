import { describe, expect, it } from 'vitest';
import {
  cellular,
  createLink,
  disagreements,
  type ExploreRun,
  explore,
  type Middlebox,
  RandomStream,
  type SimulatedHost,
  type Simulation,
} from '../../src/index.ts';
import { crypto } from './establishments.ts';
import { pick } from './pick.ts';

/** DPD, all retransmissions, and what lingers. */
const UNTIL_QUIET_MS = 400_000;

type Weather = 'bad' | 'cut' | 'fine';

interface Walk {
  readonly simulation: Simulation;
  readonly draw: RandomStream;
  weather: Weather;
}

/** A bad link that is cut or healed as the walk goes on. */
function weatherBox(link: Middlebox, weather: () => Weather): Middlebox {
  return {
    name: 'weather',
    pass(datagram, direction, now) {
      if (weather() === 'cut') return [];
      if (weather() === 'fine') return [{ datagram, delayMs: 10 }];
      return link.pass(datagram, direction, now);
    },
  };
}

function requireAgreement(simulation: Simulation): void {
  const found = disagreements(simulation);
  if (found.length > 0) throw new Error(found.join('; '));
}

/** Any of a host's sessions, or one that does not exist. */
function someSession(host: SimulatedHost, draw: RandomStream): number {
  const ids = [...host.sessions.keys()];
  return ids[draw.below(ids.length)] ?? 999_999;
}

const STEPS: readonly ((walk: Walk) => void)[] = [
  ({ simulation, draw }) => {
    simulation.initiate(pick(simulation.clients, draw));
  },
  ({ simulation, draw }) => {
    simulation.initiate(pick(simulation.clients, draw));
  },
  ({ simulation, draw }) => {
    const host = pick([simulation.server, ...simulation.clients], draw);
    host.command({ kind: 'close', sessionId: someSession(host, draw) });
  },
  ({ simulation, draw }) => {
    const host = pick([simulation.server, ...simulation.clients], draw);
    host.command({ kind: 'check-liveness', sessionId: someSession(host, draw) });
  },
  ({ simulation, draw }) => {
    const host = pick([simulation.server, ...simulation.clients], draw);
    if (host.children.size === 0) return;
    const { sessionId, childId } = pick([...host.children.values()], draw);
    host.command({ kind: 'close-child', sessionId, childId, reason: 'the walk says so' });
  },
  ({ simulation, draw }) => {
    const client = pick(simulation.clients, draw);
    simulation.ping('to-server', { client, timeoutMs: 300 });
  },
  (walk) => {
    walk.weather = walk.weather === 'cut' ? 'bad' : 'cut';
  },
  ({ simulation, draw }) => {
    simulation.runFor(draw.between(0, 100));
  },
  ({ simulation, draw }) => {
    simulation.runFor(draw.between(0, 10_000));
  },
  ({ simulation, draw }) => {
    simulation.runFor(draw.between(0, 60_000));
  },
];

/** Commands at both ends at random moments, a link that is cut now and then: afterwards both ends agree. */
function walkAround({ seed, simulate }: ExploreRun): string {
  const draw = new RandomStream(`${seed}/walk`);
  const delay = draw.below(2) * draw.between(0, 800);
  const small = { settings: { fragmentBytes: draw.below(2) === 0 ? 200 : 1280 } };
  const link = cellular({ loss: draw.between(0, 0.2), duplication: 0.1, reordering: 0.1 });
  const middleboxes = (name: string): readonly Middlebox[] => [
    weatherBox(createLink(link, `${seed}/${name}`), () => walk.weather),
  ];
  const simulation = simulate({
    crypto,
    clients: 2,
    client: { middleboxes, answerDelayMs: delay, connection: { dpdDelayMs: 20_000 }, ...small },
    server: { answerDelayMs: () => delay, ...small },
  });
  const walk: Walk = { simulation, draw, weather: 'bad' };
  for (let i = 0; i < 25; i += 1) pick(STEPS, draw)(walk);
  walk.weather = 'fine';
  simulation.runFor(UNTIL_QUIET_MS);
  requireAgreement(simulation);
  const outcome = simulation.server.sessions.size > 0 ? 'with tunnels' : 'without tunnels';
  for (const host of [simulation.server, ...simulation.clients]) {
    for (const sessionId of host.sessions.keys()) host.command({ kind: 'close', sessionId });
  }
  simulation.runFor(UNTIL_QUIET_MS);
  requireAgreement(simulation);
  for (const host of [simulation.server, ...simulation.clients]) {
    expect([host.sessions.size, host.children.size], host.name).toEqual([0, 0]);
  }
  return outcome;
}

describe('a random walk of commands and cuts', () => {
  it('ends with both ends in agreement, and with nothing left when all is closed', () => {
    const { runs, outcomes } = explore({
      runs: 200,
      onlySeed: process.env.IPSEC_KIT_SEED,
      replay:
        'IPSEC_KIT_SEED=<seed> npx vitest run packages/simulator -t "ends with both ends in agreement"',
      scenario: walkAround,
    });
    if (runs === 1) return;
    // Walks that end without any tunnel show little.
    expect(outcomes['with tunnels']).toBeGreaterThan(100);
    expect(outcomes['without tunnels']).toBeGreaterThan(5);
  });
});
