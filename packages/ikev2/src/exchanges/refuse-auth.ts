import { ExchangeType, notify } from '@ipsec-kit/ikev2-codec';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { type ProtocolError, wireAnswer } from '../errors/wire-answer.ts';
import type { SessionFailure } from '../events.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { sendResponse } from '../session/send-message.ts';

/** IKE_AUTH has message id 1 in this exchange, since each peer authenticates in one message. @see RFC 7296 §1.2 */
const AUTH_MESSAGE_ID = 1;

/** Answers with an error that ends the IKE SA before it was one, and keeps the answer for retransmissions. @see RFC 7296 §2.21.2 */
export function refuseAuth(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  error: ProtocolError,
  failure: SessionFailure,
): void {
  const answer = wireAnswer(error, false);
  if (answer.kind === 'notify') {
    const request = { exchangeType: ExchangeType.IKE_AUTH, messageId: AUTH_MESSAGE_ID };
    sendResponse(context, session, sa, request, [notify(answer.notify, answer.data)]);
  }
  endSession(context, session, failure, true);
}
