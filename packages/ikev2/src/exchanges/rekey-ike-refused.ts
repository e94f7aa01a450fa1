import { msBetween } from '@ipsec-kit/clock';
import { type NotifyPayload, notifyUint16 } from '@ipsec-kit/ikev2-codec';
import { LATE, MAX_POSTPONEMENTS, retryMoment } from '../collisions/retry-pause.ts';
import { REFUSALS } from '../collisions/table.ts';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import { outOfStep } from '../errors/failures.ts';
import { ikeRekeyRefused, keyExchangeRefused } from '../errors/offer-failures.ts';
import type { SessionFailure } from '../events.ts';
import { methodsOf } from '../negotiate/proposals.ts';
import { putEnd } from '../procedures/put-end.ts';
import { dropIkeSa } from '../session/drop-ike-sa.ts';
import { retryIkeRekey } from '../session/ike-lifetime.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { adoptIkeSa } from './adopt-ike-sa.ts';
import type { IkeAttempt } from './create-child-parts.ts';
import { refusalName } from './create-child-refused.ts';
import { dropInitiation } from './drop-exchanges.ts';

/** The peer has refused to replace the IKE SA: does what the table says.
 * @returns the attempt to make at once, with another key exchange; `undefined` when this exchange is over.
 * @see RFC 7296 §1.3, §2.8.2, §2.25
 */
export function onIkeRefused(
  context: EndpointContext,
  session: IkeSession,
  attempt: IkeAttempt,
  error: NotifyPayload,
): IkeAttempt | undefined {
  const { rival } = session;
  const replacement = rival?.kind === 'ike' ? rival.sa : undefined;
  const effect = REFUSALS[refusalName(error.notify)][replacement ? 'peer-replaced-it' : 'alone'];
  switch (effect) {
    case 'take-replacement':
      if (replacement) adoptIkeSa(context, session, replacement, 'peer', 'expected');
      return undefined;
    case 'retry-method':
      return withMethod(context, session, attempt, notifyUint16(error) ?? 0);
    case 'retry-later':
      postpone(context, session);
      return undefined;
    case 'create-anew':
    case 'give-up': {
      const refusal = ikeRekeyRefused(error.notify, attempt.connection.proposals);
      failIkeAttempt(context, session, refusal, LATE);
      return undefined;
    }
    default:
      return unreachable(effect);
  }
}

function withMethod(
  context: EndpointContext,
  session: IkeSession,
  attempt: IkeAttempt,
  method: number,
): IkeAttempt | undefined {
  const own = methodsOf(attempt.connection.proposals);
  if (!own.includes(method) || attempt.triedMethods.includes(method)) {
    failIkeAttempt(context, session, keyExchangeRefused(method, own), LATE);
    return undefined;
  }
  session.learnedMethods.set('', method);
  if (session.running) session.running = { ...session.running, messageId: undefined };
  return { ...attempt, method, triedMethods: [...attempt.triedMethods, method] };
}

/** TEMPORARY_FAILURE: again after a pause, and the end of the IKE SA when it has been so for minutes. @see RFC 7296 §2.25 */
function postpone(context: EndpointContext, session: IkeSession): void {
  endIkeAttempt(context, session);
  session.postponements += 1;
  if (session.postponements > MAX_POSTPONEMENTS) {
    putEnd(session, outOfStep());
    return;
  }
  retryIkeRekey(context, session, retryMoment(context, session.postponements));
}

/** The attempt has failed: tells so, and has it made again later. */
export function failIkeAttempt(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
  patience: number,
): void {
  endIkeAttempt(context, session);
  const retryAt = retryMoment(context, patience);
  const retryInMs = msBetween(context.now, retryAt);
  raise(context, { kind: 'rekey-failed', sessionId: session.id, failure, retryInMs });
  retryIkeRekey(context, session, retryAt);
}

/** The peer goes by an IKE SA from here on that we cannot have, or has answered nonsense: the old one is deleted, as is what the
 * peer has put beside it.
 */
export function endOnBadAnswer(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): void {
  const { rival } = session;
  if (rival?.kind === 'ike' && rival.sa) dropIkeSa(context, session, rival.sa);
  endIkeAttempt(context, session);
  putEnd(session, failure);
}

/** The attempt is over, and what it held is free again. */
export function endIkeAttempt(context: EndpointContext, session: IkeSession): void {
  dropInitiation(context, session);
  session.running = undefined;
}

function unreachable(effect: never): never {
  throw new Error(`unhandled effect ${String(effect)}`);
}
