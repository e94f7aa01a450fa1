import type { Procedure } from '../procedures/procedure.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { latestOf } from './latest-of.ts';
import { predecessorsOf } from './predecessors-of.ts';

type Creation = Extract<Procedure, { readonly kind: 'create-child' }>;

/** Takes from a session the Child SAs that it was asked for and has not made: the IKE SA in its place makes them. Those that it
 * was about to move are no wishes: whoever opened the IKE SA in its place finds them left behind.
 */
export function takeWishes(from: IkeSession): Creation[] {
  const waiting = [...from.queue, ...from.postponed.map(({ procedure }) => procedure)];
  const others = from.queue.filter(({ kind }) => kind !== 'create-child');
  from.queue.length = 0;
  from.queue.push(...others);
  from.postponed.length = 0;
  return waiting.filter(isCreation).filter((creation) => isWish(from, creation));
}

/** What an old IKE SA has or was asked for, and nobody has asked for in the new one; each is told of once. */
export function takeLeftBehind(from: IkeSession): Creation[] {
  const found: Creation[] = [];
  for (const child of from.children.values()) {
    if (child.replacedBy !== undefined || child.deleting !== undefined || child.isMoved) continue;
    child.isMoved = true;
    const { name } = child.config;
    found.push({ kind: 'create-child', name, postponements: 0, moves: child.id });
  }
  return [...found, ...takeWishes(from)];
}

/** An old IKE SA ends: what it was asked for, and may have been about to make, is left to the new one, unless it has that. */
export function passOnWishes(from: IkeSession): void {
  const heir = latestOf(from);
  if (heir === from || heir.state.kind !== 'established' || heir.isClosing) return;
  const wishes = takeWishes(from);
  const running = from.running?.procedure;
  if (running && isCreation(running) && isWish(from, running)) wishes.push(running);
  const names = new Set([...heir.children.values()].map(({ config }) => config.name));
  for (const procedure of heir.running ? [heir.running.procedure, ...heir.queue] : heir.queue) {
    if (isCreation(procedure)) names.add(procedure.name);
  }
  heir.queue.push(...wishes.filter(({ name }) => !names.has(name)));
}

function isCreation(procedure: Procedure): procedure is Creation {
  return procedure.kind === 'create-child';
}

/** Lets go of one that is none: what it was to move may be moved by another. */
function isWish(from: IkeSession, { moves }: Creation): boolean {
  if (moves === undefined) return true;
  for (const { children } of predecessorsOf(from)) {
    const child = children.get(moves);
    if (child) child.isMoved = false;
  }
  return false;
}
