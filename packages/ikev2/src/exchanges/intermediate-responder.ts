import {
  ExchangeType,
  keyExchangeMethodName,
  NotifyType,
  notify,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import { ask, type EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import { answerReason } from '../errors/answer-reason.ts';
import { malformedFromPeer, ownWorkFailed } from '../errors/failures.ts';
import { keyExchangeInvalid } from '../errors/offer-failures.ts';
import type { SessionFailure } from '../events.ts';
import { findPayload } from '../payloads/find-payload.ts';
import { ownIntermediateOctets } from '../proof/int-auth.ts';
import { endSession } from '../session/close-session.ts';
import { headerOf, type IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { OpenedMessage } from '../session/receive-protected.ts';
import { sendResponse } from '../session/send-message.ts';
import { moveTo, type StateOf } from '../session/session-state.ts';
import { advanceKeys } from './additional-keys.ts';

/** The IKE_INTERMEDIATE request, decrypted: KEi(n). Nobody is authenticated yet. @see RFC 9370 §2.2.2, RFC 9242 §3.4 */
export function onIntermediateRequest(
  context: EndpointContext,
  session: IkeSession,
  { keys }: StateOf<'awaiting-intermediate-request'>,
  sa: IkeSa,
  { payloads, octets }: OpenedMessage,
): void {
  const ke = findPayload(payloads, 'KE');
  const [method = 0] = keys.methods;
  if (ke?.method !== method || !octets) {
    // RFC 9370 §2.2.2: the method MUST match the n-th one that was negotiated.
    const detail = `it has no KE of ${keyExchangeMethodName(method)}`;
    refuseIntermediate(context, session, sa, malformedFromPeer('IKE_INTERMEDIATE request', detail));
    return;
  }
  const peerPublicValue = ke.data.slice();
  const requestId = ask(context, session, { kind: 'respond-key', method, peerPublicValue });
  moveTo(session, 'awaiting-intermediate-request', {
    kind: 'making-intermediate-response',
    requestId,
    keys,
    request: octets,
  });
}

/** Our value and the shared secret are there: answers under the keys so far, and goes on under the next ones. */
export function onIntermediateResponded(
  context: EndpointContext,
  session: IkeSession,
  { keys, request }: StateOf<'making-intermediate-response'>,
  answer: Answer,
): void {
  const { sa } = session;
  const [method = 0] = keys.methods;
  if (!sa) return;
  if (answer.kind !== 'respond-key') {
    endSession(context, session, ownWorkFailed('The key exchange', answerReason(answer)));
    return;
  }
  const { response } = answer;
  if (!response.ok) {
    refuseIntermediate(context, session, sa, keyExchangeInvalid(method, response.code));
    return;
  }
  const exchangeType = ExchangeType.IKE_INTERMEDIATE;
  const messageId = sa.responses.expectedMessageId;
  const payloads: Payload[] = [{ type: 'KE', method, data: response.publicValue }];
  const header = headerOf(sa, { exchangeType, messageId, isResponse: true });
  sendResponse(context, session, sa, { exchangeType, messageId }, payloads);
  const exchange = { messageId, request, response: ownIntermediateOctets(header, payloads) };
  const next = advanceKeys(context, session, sa, keys, exchange, response.sharedSecret);
  const { transcript } = next;
  moveTo(
    session,
    'making-intermediate-response',
    next.methods.length > 0
      ? { kind: 'awaiting-intermediate-request', keys: next }
      : { kind: 'awaiting-auth-request', transcript },
  );
}

/** Ends the IKE SA before it was one: what is wrong inside an encrypted message is INVALID_SYNTAX. @see RFC 7296 §2.21.1, §3.10.1 */
function refuseIntermediate(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  failure: SessionFailure,
): void {
  const messageId = sa.responses.expectedMessageId;
  const request = { exchangeType: ExchangeType.IKE_INTERMEDIATE, messageId };
  sendResponse(context, session, sa, request, [notify(NotifyType.INVALID_SYNTAX)]);
  endSession(context, session, failure, true);
}
