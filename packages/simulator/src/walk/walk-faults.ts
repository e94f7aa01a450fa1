import type { SimulatedHost } from '../host/simulated-host.ts';
import { disagreements } from '../simulation/agreement.ts';
import type { HostLedger } from './host-ledger.ts';
import type { WalkSide } from './walk-plan.ts';
import type { WalkWorld } from './walk-world.ts';

const SIDES: readonly WalkSide[] = ['client', 'server'];
const DATA_MS = 1_000;
const EXCUSES_OF_SILENCE: readonly string[] = [
  'IKE lost',
  'IKE cut off',
  'IKE held back',
  'act sleep',
];

/** What is wrong with two peers that have come to rest, in words: where they disagree with each other or with the model,
 * what leaked, and what their Child SAs do not carry.
 */
export function faultsAtRest(world: WalkWorld): readonly string[] {
  const { simulation, ledgers, flows } = world;
  return [
    ...disagreements(simulation),
    ...SIDES.flatMap((side) => unexplainedEnds(world, side)),
    ...SIDES.flatMap((side) => leaks(simulation[side], ledgers[side])),
    ...SIDES.flatMap((side) => unwished(world, side)),
    ...SIDES.flatMap((side) => undelivered(world, side)),
    ...SIDES.flatMap((side) => flows[side].faults()),
  ];
}

/** A peer counts as gone only when messages got lost, or were as late as that, or somebody slept; or when its user ended an attempt before
 * it could be told of that.
 */
function unexplainedEnds({ ledgers, occurrences }: WalkWorld, side: WalkSide): string[] {
  const { endCodes } = ledgers[side];
  const isTurnedAway = ledgers[side === 'client' ? 'server' : 'client'].hasTurnedAway;
  const hasLost = isTurnedAway || EXCUSES_OF_SILENCE.some((what) => occurrences.has(what));
  const isGone = endCodes.has('peer-dead') || endCodes.has('peer-unreachable');
  return isGone && !hasLost ? [`the ${side} finds the other gone, though nothing got lost`] : [];
}

/** What users know of is what the packet engine has, and nothing is kept for anything else. */
function leaks(host: SimulatedHost, { known, reservedSpis }: HostLedger): string[] {
  const { name, children, packetCounters } = host;
  const found: string[] = [];
  for (const childId of children.keys()) {
    if (!known.has(childId)) found.push(`the ${name} has Child SA ${childId}, which no event told`);
  }
  for (const childId of known.keys()) {
    if (!children.has(childId)) found.push(`the ${name} lacks Child SA ${childId}`);
  }
  if (reservedSpis.size > 0) found.push(`the ${name} reserves ${reservedSpis.size} SPIs`);
  const { heldPackets } = packetCounters;
  if (heldPackets > 0) found.push(`the ${name} holds ${heldPackets} packets`);
  return found;
}

function unwished({ simulation, model, plan }: WalkWorld, side: WalkSide): string[] {
  const { sessions, children } = simulation[side];
  const found: string[] = [];
  const check = (what: string, count: number, range: { least: number; most: number }): void => {
    if (count >= range.least && count <= range.most) return;
    found.push(`the ${side} has ${count} ${what}, not ${range.least} to ${range.most}`);
  };
  check('sessions', sessions.size, model.sessions());
  if (sessions.size === 0) return found;
  for (const name of plan.configuration.children) {
    const count = [...children.values()].filter((child) => child.name === name).length;
    check(`Child SAs "${name}"`, count, model.children(name));
  }
  return found;
}

/** Sends through every Child SA. */
function undelivered({ simulation, flows }: WalkWorld, side: WalkSide): string[] {
  const names = new Set([...simulation[side].children.values()].map(({ name }) => name));
  const sent = [...names].map((name) => ({ name, number: flows[side].send(name) }));
  simulation.runFor(DATA_MS);
  return sent
    .filter(({ number }) => number === undefined || !flows[side].hasCome(number))
    .map(({ name }) => `nothing from the ${side} comes through Child SA "${name}"`);
}
