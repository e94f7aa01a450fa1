import { ExchangeType, keyExchangeMethodName, type Payload } from '@ipsec-kit/ikev2-codec';
import { ask, type EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import { answerReason } from '../errors/answer-reason.ts';
import { malformedFromPeer, otherNotify, ownWorkFailed } from '../errors/failures.ts';
import { keyExchangeInvalid } from '../errors/offer-failures.ts';
import { findErrorNotify, findPayload } from '../payloads/find-payload.ts';
import { ownIntermediateOctets } from '../proof/int-auth.ts';
import { endSession } from '../session/close-session.ts';
import { headerOf } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { OpenedMessage } from '../session/receive-protected.ts';
import { sendRequest } from '../session/send-message.ts';
import { type AdditionalKeys, moveTo, type StateOf } from '../session/session-state.ts';
import { advanceKeys } from './additional-keys.ts';
import { beginAuth } from './ike-auth-initiator.ts';

/** Begins the next additional key exchange. @see RFC 9370 §2.2.2 */
export function beginIntermediate(
  context: EndpointContext,
  session: IkeSession,
  keys: AdditionalKeys,
): void {
  const [method = 0] = keys.methods;
  const requestId = ask(context, session, { kind: 'generate-key', method });
  const generating = { kind: 'generating-additional-key', requestId, keys } as const;
  const { kind } = session.state;
  if (kind === 'agreeing-key') moveTo(session, kind, generating);
  else if (kind === 'agreeing-additional-key') moveTo(session, kind, generating);
}

/** Our value is there: sends HDR, SK {KEi(n)}. @see RFC 9370 §2.2.2, RFC 9242 §3.2 */
export function onAdditionalKeyGenerated(
  context: EndpointContext,
  session: IkeSession,
  { keys }: StateOf<'generating-additional-key'>,
  answer: Answer,
): void {
  const { sa } = session;
  const messageId = sa?.requests.permission();
  if (answer.kind !== 'generate-key' || !sa || !messageId?.ok) {
    endSession(context, session, ownWorkFailed('The key exchange', answerReason(answer)));
    return;
  }
  const { secret } = answer;
  const payloads: Payload[] = [{ type: 'KE', method: secret.method, data: secret.publicValue }];
  const exchange = { exchangeType: ExchangeType.IKE_INTERMEDIATE, isResponse: false };
  const header = headerOf(sa, { ...exchange, messageId: messageId.messageId });
  moveTo(session, 'generating-additional-key', {
    kind: 'awaiting-intermediate-response',
    keys,
    secret,
    messageId: messageId.messageId,
    request: ownIntermediateOctets(header, payloads),
  });
  sendRequest(context, session, sa, ExchangeType.IKE_INTERMEDIATE, payloads);
}

/** The response, decrypted: KEr(n). Who sent it is not known before AUTH verifies, which covers it.
 * @see RFC 9242 §3.4 (errors), RFC 9370 §2.2.2
 */
export function onIntermediateResponse(
  context: EndpointContext,
  session: IkeSession,
  { keys, secret, messageId, request }: StateOf<'awaiting-intermediate-response'>,
  { payloads, octets }: OpenedMessage,
): void {
  const error = findErrorNotify(payloads);
  const ke = findPayload(payloads, 'KE');
  if (error) {
    endSession(context, session, otherNotify(error.notify, 'IKE_INTERMEDIATE'));
  } else if (ke?.method !== secret.method || !octets) {
    const wanted = keyExchangeMethodName(secret.method);
    const detail = `it has no KE of ${wanted}`;
    endSession(context, session, malformedFromPeer('IKE_INTERMEDIATE response', detail));
  } else {
    const peerPublicValue = ke.data.slice();
    const requestId = ask(context, session, { kind: 'agree-key', secret, peerPublicValue });
    moveTo(session, 'awaiting-intermediate-response', {
      kind: 'agreeing-additional-key',
      requestId,
      keys,
      exchange: { messageId, request, response: octets },
    });
  }
}

/** The shared secret is there: the next one, or IKE_AUTH, under the keys that follow from it. */
export function onAdditionalKeyAgreed(
  context: EndpointContext,
  session: IkeSession,
  { keys, exchange }: StateOf<'agreeing-additional-key'>,
  answer: Answer,
): void {
  const { sa, connection } = session;
  if (answer.kind !== 'agree-key' || !sa || !connection) {
    endSession(context, session, ownWorkFailed('The key exchange', answerReason(answer)));
    return;
  }
  const { agreement } = answer;
  if (!agreement.ok) {
    endSession(context, session, keyExchangeInvalid(keys.methods[0] ?? 0, agreement.code));
    return;
  }
  const next = advanceKeys(context, session, sa, keys, exchange, agreement.sharedSecret);
  if (next.methods.length > 0) beginIntermediate(context, session, next);
  else beginAuth(context, session, next.sa, connection, next.transcript);
}
