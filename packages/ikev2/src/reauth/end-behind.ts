import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import { CLOSED_BY_USER, isSilence } from '../errors/endings.ts';
import type { SessionFailure } from '../events.ts';
import { endWithDelete } from '../procedures/request-end.ts';
import { deletePredecessor, runNext } from '../procedures/run-procedures.ts';
import { endSession } from '../session/close-session.ts';
import { spisOf } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { beginLiveness } from '../session/liveness.ts';
import { closeFront } from './close-front.ts';
import { meantForOldUntil } from './meant-for-old.ts';
import { armReauthRetry } from './reauth-timer.ts';
import { armHandOver } from './take-over.ts';

/** Draws the conclusions when IKE SAs behind a session have ended: an attempt that failed is tried again later, and an old
 * one that is deleted is forgotten.
 */
export function afterEndsBehind(context: EndpointContext): void {
  for (let ended = context.endedBehind.shift(); ended; ended = context.endedBehind.shift()) {
    const { session, failure } = ended;
    const front = session.takesOver;
    if (front?.successor === session) onAttemptEnded(context, front, session, failure);
    const heir = session.takenOverBy;
    if (heir?.predecessor === session) {
      onPredecessorEnded(context, heir, session);
      if (heir.isClosing) closeAfter(context, heir, failure);
      runNext(context, heir);
    } else if (heir?.state.kind === 'established') {
      // It is the session that users see once more, and looks after itself; what was asked for meanwhile it does.
      beginLiveness(context, heir);
      runNext(context, heir);
    }
  }
}

/** The old IKE SA stays while it may. */
function onAttemptEnded(
  context: EndpointContext,
  session: IkeSession,
  { isSecondTry }: IkeSession,
  failure: SessionFailure,
): void {
  session.successor = undefined;
  if (session.state.kind !== 'established') return;
  if (session.isClosing) {
    endWithDelete(context, session, CLOSED_BY_USER);
    return;
  }
  // What only the silence of the peer made us begin waits for that peer again.
  const retryInMs = isSecondTry ? 0 : armReauthRetry(context, session);
  const about = { sessionId: session.id, spis: spisOf(session.sa) };
  raise(context, { kind: 'reauthentication-failed', ...about, failure, retryInMs });
}

/** The user closes the session, and what was before this IKE SA is gone; a peer that did not answer is not asked again. */
function closeAfter(context: EndpointContext, session: IkeSession, failure: SessionFailure): void {
  if (!isSilence(failure)) closeFront(context, session);
  else if (session.state.kind === 'established') endSession(context, session, CLOSED_BY_USER);
}

/** It may itself have waited for the end of one before it: that is now waited for by the session. */
function onPredecessorEnded(
  context: EndpointContext,
  session: IkeSession,
  ended: IkeSession,
): void {
  const older = ended.predecessor;
  session.predecessor = undefined;
  context.deadlines.clear(session.id, 'hand-over');
  if (!older || older.state.kind === 'closed' || older.state.kind === 'lingering') {
    const { now } = context;
    session.meantForOldUntil = session.role === 'initiator' ? meantForOldUntil(now) : now;
    return;
  }
  session.predecessor = older;
  older.takenOverBy = session;
  // Who made the new one sees to the end of all before it; the other side only when that does not come.
  if (session.role === 'initiator') deletePredecessor(context, session);
  else armHandOver(context, session);
}
