import { addMs } from '@ipsec-kit/clock';
import { inheritRetired } from '../child/retire-child.ts';
import { compareNonces } from '../collisions/lowest-nonce.ts';
import { type EndpointContext, raise, setTimer } from '../endpoint/endpoint-context.ts';
import { ONE_OF_TWO } from '../errors/failures.ts';
import { endWithDelete } from '../procedures/request-end.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';
import { isTogether } from '../unique/at-once.ts';
import { latestOf } from './latest-of.ts';
import { takeWishes } from './left-behind.ts';
import { exchangeIds, moveBehind } from './session-name.ts';

/** How long a responder leaves it to the initiator to delete the old IKE SA. */
export const HAND_OVER_PATIENCE_MS: number = 60_000;

/** A new IKE SA stands on both sides: it becomes the session that users see, and the old one stays behind it until its DELETE.
 * @returns false when it takes nothing over, or what it was to take over is gone.
 * @see RFC 7296 §2.8.3
 */
export function takeOver(context: EndpointContext, session: IkeSession): boolean {
  const wanted = session.takesOver;
  const old = wanted && latestOf(wanted);
  const { sa } = session;
  session.takesOver = undefined;
  if (!sa || old?.state.kind !== 'established') return false;
  if (wanted) wanted.successor = undefined;
  if (isSecondOfTwo(context, session, old) && hasLowerNonce(session, old)) {
    stepBack(context, session, old);
    return true;
  }
  if (!isBehind(session)) moveBehind(context, session);
  exchangeIds(context, session, old);
  session.predecessor = old;
  session.isReauthenticated = true;
  session.isClosing ||= old.isClosing;
  old.takenOverBy = session;
  old.successor = undefined;
  inheritRetired(context, old, session);
  session.queue.push(...takeWishes(old));
  if (session.role === 'responder') {
    armHandOver(context, session);
  }
  raise(context, {
    kind: 'session-reauthenticated',
    sessionId: session.id,
    by: session.role === 'initiator' ? 'local' : 'peer',
    spis: { initiator: sa.initiatorSpi, responder: sa.responderSpi },
  });
  return true;
}

/** Both sides have reauthenticated at once, which makes two new IKE SAs. Both know the nonces of both: the one with the lowest
 * is redundant. It waits behind the other one for its DELETE, and comes back should the other one end before.
 * @see RFC 7296 §2.8.1 (the rule for what is made twice)
 */
function stepBack(context: EndpointContext, session: IkeSession, front: IkeSession): void {
  if (!isBehind(session)) {
    // Its keys were told under an id of its own.
    const { id: sessionId, connection } = session;
    moveBehind(context, session);
    const about = { sessionId, connection: connection?.name, failure: ONE_OF_TWO };
    raise(context, { kind: 'session-closed', ...about });
  }
  const { predecessor } = front;
  session.predecessor = predecessor;
  if (predecessor) predecessor.takenOverBy = session;
  session.takenOverBy = front;
  front.predecessor = session;
  // What it made gives way as well.
  for (const child of session.children.values()) {
    const kept = [...front.children.values()].find(({ replacedBy }) => replacedBy === child.id);
    if (!kept) continue;
    kept.replacedBy = undefined;
    child.replacedBy = kept.id;
  }
  if (session.role === 'initiator') endWithDelete(context, session, ONE_OF_TWO);
  else armHandOver(context, front);
}

/** Both were begun before either stood: whoever begins one later, knowing the first, wants it. */
function isSecondOfTwo(context: EndpointContext, session: IkeSession, old: IkeSession): boolean {
  const isLater = session.begunAt > old.establishedAt;
  return old.isReauthenticated && !isLater && isTogether(context, session, old);
}

function hasLowerNonce(a: IkeSession, b: IkeSession): boolean {
  return compareNonces(a.lowestNonce, b.lowestNonce) < 0;
}

/** Sees to it that the IKE SA whose place this one has taken does go. */
export function armHandOver(context: EndpointContext, session: IkeSession): void {
  setTimer(context, session, 'hand-over', addMs(context.now, HAND_OVER_PATIENCE_MS), {
    label: 'end of a replaced IKE SA',
    toleranceMs: HAND_OVER_PATIENCE_MS / 10,
  });
}
