import { addMs, type Instant, msBetween } from '@ipsec-kit/clock';
import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import type { ChildAttempt } from '../exchanges/create-child-parts.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { LateAnswer } from '../session/late-answer.ts';
import { LATE_WAKE_MS } from '../session/late-wake.ts';
import { activateReplacement } from '../session/let-go-of-child.ts';
import { repeatOutstanding } from '../session/repeat-request.ts';
import { sendResponse } from '../session/send-message.ts';
import { latestOf } from './latest-of.ts';
import { SETTLE_MS } from './settle-time.ts';

/** How long the answer to a DELETE waits for the answer to what we have asked for under the same IKE SA, or move from it: for two
 * retransmissions.
 */
export const OPEN_QUESTION_MS: number = 20_000;

/** Moves outbound to what has replaced the Child SAs of this IKE SA, and lets the answer to its DELETE wait for
 * {@link SETTLE_MS}: some peers drop their inbound halves when it comes, and with them what is still in their queues.
 * Where a Child SA has been asked for under it, or one of it is being moved, that answer is awaited first, since the peer may
 * use that already: it answers retransmissions until it has our answer. Meanwhile those of the DELETE get silence, as always
 * while a request is being worked on. @see RFC 7296 §2.1, §2.8
 * @returns false when nothing of ours can be under way on it, so that it is to be answered at once.
 */
export function answerLate(
  context: EndpointContext,
  session: IkeSession,
  answer: Omit<LateAnswer, 'asksUntil'>,
): boolean {
  if (session.state.kind !== 'established' || !session.takenOverBy) return false;
  const replacements = [...session.children.values()].flatMap(({ replacedBy = [] }) => replacedBy);
  const asking = whoAsks(session);
  if (replacements.length === 0 && !asking) return false;
  for (const childId of replacements) activateReplacement(context, childId);
  if (asking) awaitAnswer(context, session, answer, asking);
  else settle(context, session, answer);
  return true;
}

/** The IKE SA under which the peer may have made a Child SA, and used it, of which we do not know yet: this one, or that in its place,
 * for one of this.
 */
function whoAsks(session: IkeSession): IkeSession | undefined {
  if (awaitedChild(session)) return session;
  const heir = latestOf(session);
  const moves = awaitedChild(heir)?.moves;
  return moves && session.children.has(moves.origin) ? heir : undefined;
}

/** The Child SA that has been asked for, and is to replace none of the same IKE SA. */
function awaitedChild({ initiation }: IkeSession): ChildAttempt | undefined {
  if (!initiation || initiation.kind === 'generating-child-key') return undefined;
  const { attempt } = initiation;
  return 'rekeys' in attempt && attempt.rekeys === undefined ? attempt : undefined;
}

/** Something that was asked for is there, or refused: perhaps nothing is open any more. */
export function answerSoon(context: EndpointContext, session: IkeSession): void {
  const { lateAnswer } = session;
  if (lateAnswer?.asksUntil !== undefined && !whoAsks(session))
    settle(context, session, lateAnswer);
}

function awaitAnswer(
  context: EndpointContext,
  session: IkeSession,
  answer: Omit<LateAnswer, 'asksUntil'>,
  asking: IkeSession,
): void {
  const asksUntil = addMs(context.now, OPEN_QUESTION_MS);
  session.lateAnswer = { ...answer, asksUntil };
  repeatOutstanding(context, asking);
  armAnswer(context, session, asksUntil);
}

function settle(
  context: EndpointContext,
  session: IkeSession,
  answer: Omit<LateAnswer, 'asksUntil'>,
): void {
  session.lateAnswer = { ...answer, asksUntil: undefined };
  armAnswer(context, session, addMs(context.now, SETTLE_MS));
}

function armAnswer(context: EndpointContext, session: IkeSession, at: Instant): void {
  setTimer(context, session, 'late-answer', at, {
    label: 'answer to the DELETE of a replaced IKE SA',
    wake: 'process',
  });
}

/** What was under way has arrived: the DELETE is answered, and the IKE SA ends. Where its time was slept through, there was none to hear
 * the answer in, and what the peer has sent since is still waiting for that.
 */
export function onLateAnswer(context: EndpointContext, session: IkeSession): void {
  const { lateAnswer } = session;
  if (!lateAnswer) return;
  const { asksUntil } = lateAnswer;
  const asking = whoAsks(session);
  if (asking && asksUntil !== undefined && msBetween(asksUntil, context.now) > LATE_WAKE_MS) {
    awaitAnswer(context, session, lateAnswer, asking);
    return;
  }
  session.lateAnswer = undefined;
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
