import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { ONE_OF_TWO } from '../errors/endings.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';
import { openSuccessor } from './start-reauth.ts';
import { hasNotAsked, mayBegin } from './turns.ts';

/** The first request after a sleep has no answer: the peer may have ended the IKE SA meanwhile, and then has none for any of its
 * retransmissions. While those go on another IKE SA is opened beside it, as for a reauthentication, once for each wake: the side
 * that answers first is the one that goes on. @see RFC 7296 §2.4, §2.8.3
 */
export function onFirstAnswerOverdue(context: EndpointContext, session: IkeSession): void {
  const { state, requests, successor, wokeAt } = session;
  session.wokeAt = undefined;
  if (wokeAt === undefined || state.kind !== 'established' || requests.outstanding.length === 0) {
    return;
  }
  if (isBehind(session) || session.isClosing || successor || !mayBegin(context, session)) return;
  const attempt = openSuccessor(context, session);
  if (attempt) attempt.isSecondTry = true;
}

/** A message of the peer has verified: it has the IKE SA still. Where the second try has asked for nothing yet, the peer forgets
 * it, and so do we; otherwise the peer may have its answer on the way, and it goes on as a reauthentication.
 */
export function onHeardAgain(context: EndpointContext, session: IkeSession): void {
  if (session.wokeAt !== undefined) {
    session.wokeAt = undefined;
    context.deadlines.clear(session.id, 'second-try');
  }
  const { successor } = session;
  if (!successor?.isSecondTry) return;
  if (hasNotAsked(successor)) drop(context, session, successor);
  else successor.isSecondTry = false;
}

/** The peer counts as dead: a second try that it has not answered either is over with the IKE SA, and what follows is as its
 * connection has it.
 */
export function dropUnansweredTry(context: EndpointContext, session: IkeSession): void {
  const { successor } = session;
  if (!successor?.isSecondTry) return;
  const { kind } = successor.state;
  if (kind === 'generating-key' || kind === 'awaiting-init-response') {
    drop(context, session, successor);
  }
}

function drop(context: EndpointContext, session: IkeSession, attempt: IkeSession): void {
  session.successor = undefined;
  endSession(context, attempt, ONE_OF_TWO);
}
