import { addMs } from '@ipsec-kit/clock';
import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { activateReplacement, endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { LateAnswer } from '../session/late-answer.ts';
import { sendResponse } from '../session/send-message.ts';
import { SETTLE_MS } from './settle-time.ts';

/** Moves outbound to what has replaced the Child SAs of this IKE SA, and lets the answer to its DELETE wait for
 * {@link SETTLE_MS}: some peers drop their inbound halves when it comes, and with them what is still in their queues.
 * Meanwhile retransmissions get silence, as always while a request is being worked on. @see RFC 7296 §2.1, §2.8
 * @returns false when nothing of ours can be under way on it, so that it is to be answered at once.
 */
export function answerLate(
  context: EndpointContext,
  session: IkeSession,
  answer: LateAnswer,
): boolean {
  if (session.state.kind !== 'established' || !session.takenOverBy) return false;
  const replacements = [...session.children.values()].flatMap(({ replacedBy = [] }) => replacedBy);
  if (replacements.length === 0) return false;
  for (const childId of replacements) activateReplacement(context, childId);
  session.lateAnswer = answer;
  setTimer(context, session, 'late-answer', addMs(context.now, SETTLE_MS), {
    label: 'answer to the DELETE of a replaced IKE SA',
    wake: 'process',
  });
  return true;
}

/** What was under way has arrived: the DELETE is answered, and the IKE SA ends. */
export function onLateAnswer(context: EndpointContext, session: IkeSession): void {
  const { lateAnswer } = session;
  session.lateAnswer = undefined;
  if (!lateAnswer) return;
  const { sa, messageId, via, failure } = lateAnswer;
  const request = { exchangeType: ExchangeType.INFORMATIONAL, messageId };
  sendResponse(context, session, sa, request, [], via);
  endSession(
    context,
    session,
    session.state.kind === 'ending' ? session.state.failure : failure,
    true,
  );
}
