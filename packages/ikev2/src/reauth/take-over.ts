import { addMs } from '@ipsec-kit/clock';
import { inheritRetired } from '../child/retire-child.ts';
import { type EndpointContext, raise, setTimer } from '../endpoint/endpoint-context.ts';
import { resumeAfter } from '../mobike/lost-path.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';
import { latestOf } from './latest-of.ts';
import { takeWishes } from './left-behind.ts';
import { meantForOldUntil } from './meant-for-old.ts';
import { passOnAttempt } from './pass-on-attempt.ts';
import { inheritCloses } from './pass-on-closes.ts';
import { exchangeIds, moveBehind } from './session-name.ts';

/** How long a responder leaves it to the initiator to delete the old IKE SA. */
export const HAND_OVER_PATIENCE_MS: number = 60_000;
/** The same where the initiator will not: until it is likely to have shown that it has the new one. */
const ORPHAN_PATIENCE_MS = 500;

/** A new IKE SA stands on both sides: it becomes the session that users see, and the old one stays behind it until its DELETE.
 * @returns false when it takes nothing over, or what it was to take over is gone.
 * @see RFC 7296 §2.8.3
 */
export function takeOver(context: EndpointContext, session: IkeSession): boolean {
  const wanted = session.takesOver;
  const old = wanted && latestOf(wanted);
  const { sa } = session;
  session.takesOver = undefined;
  if (!sa || !old || !isThere(old)) return false;
  if (old.successor === session) old.successor = undefined;
  // There is a way to the peer, also where what tells of our addresses is later than that: behind a session nothing rests.
  resumeAfter(context, old);
  if (!isBehind(session)) moveBehind(context, session);
  exchangeIds(context, session, old);
  session.predecessor = old;
  session.isReauthenticated = true;
  session.isClosing ||= old.isClosing;
  old.takenOverBy = session;
  // Whoever wanted one has got it.
  old.isReauthDue = false;
  passOnAttempt(old, session);
  inheritRetired(context, old, session);
  for (const [name, child] of old.carried) {
    if (!session.carried.has(name)) session.carried.set(name, child);
  }
  session.queue.push(...takeWishes(old));
  inheritCloses(old, session);
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

/** Also one whose DELETE is out already: the session goes on. */
function isThere({ state }: IkeSession): boolean {
  return state.kind === 'established' || state.kind === 'ending';
}

/** Whether the IKE SA that this one has replaced may be an orphan: the peer asked for this one before that one stood, or while what
 * that one replaced was there still. strongSwan does so when it is told to reauthenticate an IKE SA, or two of one session,
 * that we are replacing: each was to replace another, which is gone, and the peer has no reason to delete this one.
 */
export function leavesOrphan({ role, begunAt, predecessor, hasWaited }: IkeSession): boolean {
  if (role !== 'responder' || !predecessor) return false;
  const { establishedAt, meantForOldUntil: until } = predecessor;
  if (hasWaited || (until !== undefined && begunAt <= until)) return true;
  // What comes to one that we have opened may be sent again, and be older than that.
  const since = predecessor.role === 'initiator' ? meantForOldUntil(establishedAt) : establishedAt;
  return begunAt <= since;
}

/** Sees to it that the IKE SA whose place this one has taken does go. */
export function armHandOver(context: EndpointContext, session: IkeSession): void {
  const patienceMs = leavesOrphan(session) ? ORPHAN_PATIENCE_MS : HAND_OVER_PATIENCE_MS;
  setTimer(context, session, 'hand-over', addMs(context.now, patienceMs), {
    label: 'end of a replaced IKE SA',
    toleranceMs: patienceMs / 10,
  });
}
