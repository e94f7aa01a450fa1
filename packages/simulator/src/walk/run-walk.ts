import { addMs, type Instant, instantFromMs, msBetween } from '@ipsec-kit/clock';
import type { CryptoProvider } from '@ipsec-kit/crypto';
import type { HostObserver } from '../host/host-observer.ts';
import type { SimulatedHost } from '../host/simulated-host.ts';
import { lan } from '../network/link.ts';
import { createSimulation } from '../simulation/create-simulation.ts';
import { CONNECTION_NAME } from '../simulation/default-connection.ts';
import type { Simulation } from '../simulation/simulation.ts';
import { HostLedger } from './host-ledger.ts';
import { NumberedPackets } from './numbered-packets.ts';
import { faultsAtRest } from './walk-faults.ts';
import { WalkLink } from './walk-link.ts';
import { WalkModel } from './walk-model.ts';
import { countOccurrence, type WalkOccurrences } from './walk-occurrences.ts';
import type { WalkAct, WalkPlan, WalkSide, WalkStep } from './walk-plan.ts';
import type { WalkWorld } from './walk-world.ts';

/** Within this time both peers come to rest, whatever happened before, once the network is fine: all retransmissions, pauses
 * after TEMPORARY_FAILURE, and what waits for the other side's DELETE; at most ten minutes between two reauthentications, of which
 * the first was begun too early, and the DELETE of what the second replaces, which the other may have lost.
 */
export const WALK_REST_MS = 1_300_000;
/** After a question about life: the answer, or the end of who does not answer. */
const LIVENESS_MS = 200_000;
const CLOSING_MS = 500_000;
const OPEN_MS = 31_000;
const QUIET_MS = 7_500;

const SIDES: readonly WalkSide[] = ['client', 'server'];

/** How a walk ended: with a session, without one because somebody closed it, or because it got lost. */
export type WalkOutcome = 'open' | 'closed' | 'lost';

/** What came of a walk. */
export interface WalkResult {
  /** What is wrong, in words; empty when nothing is. */
  readonly faults: readonly string[];
  readonly outcome: WalkOutcome;
  readonly occurrences: WalkOccurrences;
  readonly simulation: Simulation;
}

/** Walks: opens a session, performs the first steps of a plan over a bad network, lets the network be fine until both peers
 * have come to rest, and looks whether all is as the model has it; then closes all there is, and looks again.
 * @param steps - how many of the plan's steps; default all.
 * @see RFC 7296 §2.8, §2.25
 */
export function runWalk(
  plan: WalkPlan,
  crypto: CryptoProvider,
  steps: number = plan.steps.length,
): WalkResult {
  const world = createWorld(plan, crypto);
  const { simulation, ledgers } = world;
  const faults: string[] = [];
  let outcome: WalkOutcome = 'lost';
  let occurrences: WalkOccurrences = new Map();
  try {
    if (!simulation.open().opened) faults.push('the session does not open');
    // What comes within half a minute may be taken for a session that both sides opened at once.
    simulation.runFor(OPEN_MS);
    world.link.sky = 'bad';
    const awakeAt = perform(world, plan.steps.slice(0, steps));
    rest(world, awakeAt);
    // What follows is the same in every walk.
    occurrences = new Map(world.occurrences);
    askLiveness(world);
    faults.push(...faultsAtRest(world));
    const isClosed = world.model.isClosed;
    outcome = simulation.client.sessions.size > 0 ? 'open' : isClosed ? 'closed' : 'lost';
    faults.push(...closeAll(world));
  } catch (error) {
    faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  faults.push(...ledgers.client.faults, ...ledgers.server.faults);
  return { faults, outcome, occurrences, simulation };
}

function createWorld(plan: WalkPlan, crypto: CryptoProvider): WalkWorld {
  const { configuration, seed, weather } = plan;
  const clock = { now: (): Instant => world?.simulation.now ?? instantFromMs(0) };
  const occurrences: WalkOccurrences = new Map();
  const ledgers = {
    client: new HostLedger('client', clock, configuration, occurrences),
    server: new HostLedger('server', clock, configuration, occurrences),
  };
  const link = new WalkLink(weather, seed, occurrences);
  let world: WalkWorld | undefined;
  const observer = (side: WalkSide): HostObserver => ({
    installing: (child) => ledgers[side].installing(child),
    removed: (childId, wasThere) => ledgers[side].removed(childId, wasThere),
    reserved: (spi) => ledgers[side].reserved(spi),
    released: (spi) => ledgers[side].released(spi),
    event: (event) => ledgers[side].note(event),
    espSent: (esp) => world?.flows[side].onSealed(esp),
    espArrived: (esp) => world?.flows[other(side)].onArrived(esp),
    opened: (inner) => world?.flows[other(side)].onOpened(inner),
  });
  const simulation = createSimulation({
    seed,
    crypto,
    link: lan({ latencyMs: 0 }),
    client: {
      ...configuration.client,
      observer: () => observer('client'),
      middleboxes: () => [link],
    },
    server: { ...configuration.server, observer: () => observer('server') },
  });
  const end = (side: WalkSide) => ({ ledger: ledgers[side], host: () => simulation[side] });
  const model = new WalkModel(configuration, [ledgers.client, ledgers.server]);
  const flow = (from: WalkSide): NumberedPackets =>
    new NumberedPackets(simulation.clock, end(from), end(other(from)));
  const flows = { client: flow('client'), server: flow('server') };
  world = { simulation, plan, ledgers, flows, model, link, occurrences };
  return world;
}

function other(side: WalkSide): WalkSide {
  return side === 'client' ? 'server' : 'client';
}

/** @returns when the last sleeper wakes. */
function perform(world: WalkWorld, steps: readonly WalkStep[]): Instant {
  const { simulation } = world;
  let awakeAt = simulation.now;
  for (const { afterMs, act } of steps) {
    if (afterMs > 0) simulation.runFor(afterMs);
    if ('side' in act && simulation[act.side].isAsleep) continue;
    if (act.kind === 'sleep') {
      const until = addMs(simulation.now, act.ms);
      if (until > awakeAt) awakeAt = until;
    }
    if (performAct(world, act)) countOccurrence(world.occurrences, `act ${act.kind}`);
  }
  return awakeAt;
}

/** @returns whether there was something to do it to. */
function performAct(world: WalkWorld, act: WalkAct): boolean {
  const { simulation, link, flows, model } = world;
  const { clock, now } = simulation;
  switch (act.kind) {
    case 'cut':
      if (link.sky === 'cut') return false;
      link.sky = 'cut';
      clock.wakeAt(addMs(now, act.ms), () => {
        if (link.sky === 'cut') link.sky = 'bad';
      });
      return true;
    case 'sleep':
      simulation[act.side].sleep();
      clock.wakeAt(addMs(now, act.ms), () => simulation[act.side].wake());
      return true;
    case 'traffic':
      for (const side of SIDES) {
        flows[side].burst(act.name, act.packets, act.gapMs);
      }
      return true;
    case 'open':
      return open(world, act.side);
    case 'create-child':
    case 'rekey-child':
    case 'close-child':
      return performOnChild(world, act);
    default: {
      const [sessionId] = simulation[act.side].sessions.keys();
      if (sessionId === undefined) return false;
      if (act.kind === 'close') {
        model.wish(now, act.side, undefined, false);
        world.ledgers[act.side].closedAt = now;
      }
      // Who reauthenticates wants the session to go on.
      if (act.kind === 'reauthenticate') model.wish(now, act.side, undefined, true);
      simulation[act.side].command({ kind: act.kind, sessionId });
      return true;
    }
  }
}

function open({ simulation, model, ledgers }: WalkWorld, side: WalkSide): boolean {
  const host = simulation[side];
  const { opening } = ledgers[side];
  const [peer] = simulation[other(side)].addresses;
  if (host.sessions.size > 0 || opening.size > 0 || !peer) return false;
  model.wish(simulation.now, side, undefined, true);
  const sessionId = simulation.nextSessionId();
  opening.add(sessionId);
  host.initiate(sessionId, CONNECTION_NAME, peer);
  return true;
}

function performOnChild(
  { simulation, model, ledgers }: WalkWorld,
  act: Extract<WalkAct, { readonly name: string; readonly side: WalkSide }>,
): boolean {
  const host = simulation[act.side];
  const { now } = simulation;
  const { name, pick } = act;
  const [sessionId] = host.sessions.keys();
  if (sessionId === undefined) return false;
  const standing = [...host.children.values()].filter((child) => child.name === name);
  switch (act.kind) {
    case 'create-child':
      // Now and then a second one of the same name.
      if (standing.length > 0 && pick < 0.8) return false;
      model.wish(now, act.side, name, true);
      host.command({ kind: act.kind, sessionId, child: name });
      return true;
    case 'rekey-child': {
      // Also one that its user does not know yet.
      const child = standing[Math.floor(pick * standing.length)];
      if (!child) return false;
      host.command({ kind: act.kind, sessionId, childId: child.childId });
      return true;
    }
    case 'close-child': {
      const known = standing.filter(({ childId }) => ledgers[act.side].known.has(childId));
      const child = known[Math.floor(pick * known.length)];
      if (!child) return false;
      model.wish(now, act.side, name, false);
      const { childId } = child;
      host.command({ kind: act.kind, sessionId, childId, reason: 'the walk says so' });
      return true;
    }
  }
}

/** Lets the network be fine and both peers awake, until they rest. */
function rest({ simulation, link, ledgers, plan }: WalkWorld, awakeAt: Instant): void {
  if (awakeAt > simulation.now) simulation.runFor(msBetween(simulation.now, awakeAt));
  link.sky = 'fine';
  simulation.runFor(WALK_REST_MS);
  for (const side of SIDES) {
    const { sentAt, retransmittedAt } = ledgers[side];
    // What happens by time goes on for ever, but is answered at once.
    const lastAt = plan.configuration.isTimed ? retransmittedAt : sentAt;
    if (lastAt !== undefined && msBetween(lastAt, simulation.now) < LIVENESS_MS) {
      ledgers[side].faults.push(`the ${side} does not come to rest`);
    }
  }
}

/** Asks each peer whether the other is there. */
function askLiveness({ simulation, ledgers }: WalkWorld): void {
  for (const side of SIDES) {
    for (const sessionId of simulation[side].sessions.keys()) {
      simulation[side].command({ kind: 'check-liveness', sessionId });
    }
  }
  simulation.runFor(LIVENESS_MS);
  const isQuiet = (): boolean =>
    Object.values(ledgers).every(
      ({ sentAt }) => sentAt === undefined || msBetween(sentAt, simulation.now) > QUIET_MS,
    ) && SIDES.every((side) => !isLingering(simulation[side]));
  for (let tries = 0; tries < 200 && !isQuiet(); tries += 1) simulation.runFor(1_000);
}

/** Whether all that a host has ended a moment ago, by time: it may have to answer a copy of the last request. */
function isLingering({ sessions, nextDeadline }: SimulatedHost): boolean {
  return sessions.size === 0 && nextDeadline?.name === 'linger';
}

/** Closes everything at both ends at once. @returns what is left. */
function closeAll({ simulation, ledgers }: WalkWorld): string[] {
  const hosts: readonly SimulatedHost[] = [simulation.client, simulation.server];
  for (const host of hosts) {
    ledgers[host === simulation.server ? 'server' : 'client'].closedAt = simulation.now;
    for (const sessionId of host.sessions.keys()) host.command({ kind: 'close', sessionId });
  }
  simulation.runFor(CLOSING_MS);
  return hosts.flatMap((host) => {
    const { sessions, children, nextDeadline, name, packetCounters } = host;
    const side = name === 'server' ? 'server' : 'client';
    const left = [
      sessions.size,
      children.size,
      ledgers[side].known.size,
      ledgers[side].reservedSpis.size,
      packetCounters.heldPackets,
      nextDeadline?.name ?? 0,
    ];
    return left.every((count) => count === 0)
      ? []
      : [`after its close the ${name} has left: ${left.join(', ')}`];
  });
}
