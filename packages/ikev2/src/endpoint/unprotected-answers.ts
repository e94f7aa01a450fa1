import {
  ExchangeType,
  encodeMessage,
  type IkeHeader,
  notify,
  notifyTypeName,
} from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import { type ProtocolError, wireAnswer } from '../errors/wire-answer.ts';
import { type EndpointContext, raise } from './endpoint-context.ts';

/** A message that nobody has authenticated, and where it came from. */
export interface RejectedMessage {
  readonly header: IkeHeader;
  readonly path: Path;
  readonly marker: boolean;
  /** Bytes of the datagram: an answer is never larger. */
  readonly bytes: number;
}

/** Notes a message that goes no further.
 * @param answer - name of the notification that it was answered with, if it was.
 */
export function reject(
  context: EndpointContext,
  path: Path,
  reason: string,
  answer?: string,
): void {
  context.counters.rejectedMessages += 1;
  // Garbage can come faster than anybody reads: past the limit it is only counted.
  if (!context.rejectionEvents.take(context.now)) return;
  raise(context, {
    kind: 'message-rejected',
    reason,
    path,
    ...(answer === undefined ? {} : { answer }),
  });
}

/** Drops a message that is not authenticated, answers it where the error deserves an answer and, outside of IKE_SA_INIT,
 * the rate allows one, and notes both. The answer goes to where the request came from, with its SPIs and message id, and is never larger than the
 * request, so that nobody can use us to flood a third party.
 * @param reason - for our own log; the wire gets the notification only.
 * @see RFC 7296 §1.5, §2.21.4
 */
export function refuseUnverified(
  context: EndpointContext,
  message: RejectedMessage,
  error: ProtocolError,
  reason: string,
): void {
  const answer = wireAnswer(error, false);
  // RFC 7296 §2.21.4: a response MUST NOT be answered.
  const mayAnswer = answer.kind === 'notify' && !message.header.isResponse;
  // Like COOKIE, refusals of IKE_SA_INIT are not rationed: a flood of other messages must not silence INVALID_KE_PAYLOAD.
  const isInit = message.header.exchangeType === ExchangeType.IKE_SA_INIT;
  const isSent =
    mayAnswer &&
    (isInit || context.unprotectedAnswers.take(context.now)) &&
    sendUnprotected(context, message, answer.notify, answer.data);
  reject(context, message.path, reason, isSent ? notifyTypeName(answer.notify) : undefined);
}

/** Sends a notification in the clear, in answer to a request.
 * @returns false when it would be larger than the request, and was not sent.
 */
export function sendUnprotected(
  context: EndpointContext,
  { header, path, marker, bytes }: RejectedMessage,
  type: number,
  notifyData: Uint8Array,
): boolean {
  const data = encodeMessage({
    header: {
      initiatorSpi: header.initiatorSpi,
      responderSpi: header.responderSpi,
      majorVersion: 2,
      minorVersion: 0,
      exchangeType: header.exchangeType,
      isInitiator: !header.isInitiator,
      isResponse: true,
      higherVersion: false,
      messageId: header.messageId,
    },
    payloads: [notify(type, notifyData)],
  });
  if (data.length > bytes) return false;
  context.outputs.push({ kind: 'send', path, data, marker });
  return true;
}
