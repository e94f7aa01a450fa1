import { ExchangeType, notify, type Payload } from '@ipsec-kit/ikev2-codec';
import type { ConnectionConfig } from '../config.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { malformedFromPeer } from '../errors/failures.ts';
import { type ProtocolError, wireAnswer } from '../errors/wire-answer.ts';
import type { SessionFailure } from '../events.ts';
import { findPayload } from '../payloads/find-payload.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { sendResponse } from '../session/send-message.ts';

/** The peer, or we ourselves, could not be authenticated. */
export const AUTH_FAILED: ProtocolError = { code: 'authentication-failed' };

/** Answers the IKE_AUTH request that is being worked on. There may be several of them, one after the other. @see RFC 7296 §2.16 */
export function sendAuthResponse(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  payloads: readonly Payload[],
): void {
  const messageId = sa.responses.expectedMessageId;
  const request = { exchangeType: ExchangeType.IKE_AUTH, messageId };
  sendResponse(context, session, sa, request, payloads);
}

/** Answers with an error that ends the IKE SA before it was one, and keeps the answer for retransmissions.
 * @param before - what goes in front of the notification.
 * @see RFC 7296 §2.21.2
 */
export function refuseAuth(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  error: ProtocolError,
  failure: SessionFailure,
  before: readonly Payload[] = [],
): void {
  const answer = wireAnswer(error, false);
  if (answer.kind === 'notify') {
    sendAuthResponse(context, session, sa, [...before, notify(answer.notify, answer.data)]);
  }
  endSession(context, session, failure, true);
}

/** Whether a connection wants a Child SA in IKE_AUTH and the request has none; then it is refused. @see RFC 6023 */
export function isRefusedWithoutChild(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  { childless }: ConnectionConfig,
  payloads: readonly Payload[],
): boolean {
  if (childless !== 'never' || findPayload(payloads, 'SA')) return false;
  const failure = malformedFromPeer('IKE_AUTH request', 'it has no SA');
  refuseAuth(context, session, sa, { code: 'missing-payload', payload: 'SA' }, failure);
  return true;
}
