import type { Instant } from '@ipsec-kit/clock';
import type { ChildSa } from '../child/child-sa.ts';
import { isSilence } from '../errors/endings.ts';
import type { SessionFailure } from '../events.ts';
import { isWithinOffer } from '../negotiate/selectors.ts';
import { isMoveToCome, type Procedure } from '../procedures/procedure.ts';
import { underWay } from '../procedures/under-way.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { latestOf } from './latest-of.ts';
import { passOnCloses } from './pass-on-closes.ts';
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
  const wishes = waiting.filter(isCreation).filter((creation) => isWish(from, creation));
  return wishes.map(({ moves: _gone, ...wish }) => wish);
}

/** What an old IKE SA has or was asked for, and nobody has asked for in the new one; each is told of once. */
export function takeLeftBehind(from: IkeSession): Creation[] {
  const found: Creation[] = [];
  for (const child of from.children.values()) {
    if (child.replacedBy !== undefined || child.deleting !== undefined) continue;
    if (child.isMoved || child.isRedundant) continue;
    child.isMoved = true;
    const { name } = child.config;
    found.push({ kind: 'create-child', name, postponements: 0, moves: child.origin });
  }
  return [...found, ...takeWishes(from)];
}

/** An IKE SA that another carries on is about to end: what it was asked for, or to close, is left to that one, and so is what it was
 * about to make, unless the peer has made that, and has moved it. Called while it has its Child SAs.
 */
export function passOnWishes(from: IkeSession, failure: SessionFailure, now: Instant): void {
  const heir = latestOf(from);
  if (heir === from || heir.state.kind !== 'established' || heir.isClosing) return;
  if (isSilence(failure)) passOnCloses(from, heir, now);
  const wishes = takeWishes(from);
  const running = from.running?.procedure;
  if (running && isCreation(running) && isWish(from, running)) {
    const isMoved = from.running?.movedTo !== undefined;
    if (!isMoved && !unclaimedChild(from, ({ config }) => config.name === running.name)) {
      wishes.push({ ...running, mayBeMade: true });
    }
  }
  heir.queue.push(...wishes.filter((wish) => !isMet(heir, wish)));
}

/** A Child SA that was asked for under an IKE SA that another has replaced meanwhile: the peer, who has had it for longer, may have
 * moved it before the answer came. Where the DELETE of the IKE SA is here as well and the peer has not, it is asked for again.
 */
export function giveWayToMoved(from: IkeSession, child: ChildSa, movedTo?: number): void {
  const heir = latestOf(from);
  if (heir === from) return;
  if (movedTo !== undefined) {
    child.replacedBy = movedTo;
    return;
  }
  const { name } = child.config;
  const moved = unclaimedChild(from, (other) => isSame(other, child));
  // Another reauthentication may have moved that in turn.
  if (moved) child.replacedBy = moved.replacedBy ?? moved.id;
  else if (from.lateAnswer) {
    heir.queue.push({ kind: 'create-child', name, postponements: 0 });
  }
}

/** The peer has made a Child SA that replaces none that is known here: it may be one that was asked for under an IKE SA before, and has
 * been moved since; or what the peer has closed, and moves all the same. Either is not asked for once more.
 */
export function takeForWish(session: IkeSession, { id, isFromPeer, config }: ChildSa): void {
  if (!isFromPeer || session.role !== 'responder') return;
  const old = predecessorsOf(session);
  const isIt = (one: Procedure): one is Creation => isCreation(one) && one.name === config.name;
  const wishes = [session, ...old].flatMap(underWay).filter(isIt);
  const met = wishes.find(({ mayBeMade, isOver }) => mayBeMade && !isOver);
  if (met) {
    met.isOver = true;
    return;
  }
  const asked = old.flatMap(({ running }) => running ?? []);
  const made = asked.find(
    ({ procedure, movedTo }) =>
      isIt(procedure) && procedure.moves === undefined && movedTo === undefined,
  );
  if (made) made.movedTo = id;
}

function isSame(one: ChildSa, other: ChildSa): boolean {
  return (
    one.config.name === other.config.name &&
    isWithinOffer(one.localSelectors, other.localSelectors) &&
    isWithinOffer(one.remoteSelectors, other.remoteSelectors)
  );
}

/** A Child SA of an IKE SA in the place of another, the first or a later one, that has replaced none of what was before: as far as this
 * side knows there was none to replace, so the peer has moved one that is known to itself alone.
 */
export function unclaimedChild(
  from: IkeSession,
  isSought: (child: ChildSa) => boolean,
): ChildSa | undefined {
  for (let heir = from.takenOverBy; heir; heir = heir.takenOverBy) {
    const old = predecessorsOf(heir);
    if (heir.role === 'initiator' || !old.includes(from)) continue;
    const claimed = new Set(
      old.flatMap(({ children }) => [...children.values()].map(({ replacedBy }) => replacedBy)),
    );
    for (const child of heir.children.values()) {
      if (child.isFromPeer && !claimed.has(child.id) && isSought(child)) return child;
    }
  }
  return undefined;
}

/** What a packet wants is there when a Child SA of the name is, or is asked for: more than one is for nobody but users. */
function isMet({ children, running, queue }: IkeSession, { name, packet }: Creation): boolean {
  if (!packet) return false;
  const procedures = running ? [running.procedure, ...queue] : queue;
  return (
    [...children.values()].some(({ config }) => config.name === name) ||
    procedures.some((procedure) => isCreation(procedure) && procedure.name === name)
  );
}

function isCreation(procedure: Procedure): procedure is Creation {
  return procedure.kind === 'create-child';
}

/** Lets go of one that is none: what it was to move may be moved by another. Where the old IKE SA did not wait for that any longer,
 * as the peer has put it off too often, it is one by now.
 */
function isWish(from: IkeSession, creation: Creation): boolean {
  const { moves, isOver } = creation;
  if (isOver) return false;
  if (moves === undefined) return true;
  for (const { children } of predecessorsOf(from)) {
    for (const child of children.values()) if (child.origin === moves) child.isMoved = false;
  }
  return !from.predecessor && !isMoveToCome(creation);
}
