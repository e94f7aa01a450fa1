import { encodeMessage, type IkeHeader, notify, notifyTypeName } from '@ipsec-kit/ikev2-codec';
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

/** Answers a request outside of any IKE SA, if the error deserves an answer and the rate allows one.
 * The answer goes to where the request came from, with its SPIs and message id, and is never larger than the request,
 * so that nobody can use us to flood a third party.
 * @returns the name of the notification, when one was sent.
 * @see RFC 7296 §1.5, §2.21.4
 */
export function answerUnprotected(
  context: EndpointContext,
  message: RejectedMessage,
  error: ProtocolError,
): string | undefined {
  // RFC 7296 §2.21.4: a response MUST NOT be answered.
  if (message.header.isResponse) return undefined;
  const answer = wireAnswer(error, false);
  if (answer.kind === 'silence' || !context.unprotectedAnswers.take(context.now)) return undefined;
  sendUnprotected(context, message, answer.notify, answer.data);
  return notifyTypeName(answer.notify);
}

/** Sends a notification in the clear, in answer to a request. */
export function sendUnprotected(
  context: EndpointContext,
  { header, path, marker, bytes }: RejectedMessage,
  type: number,
  notifyData: Uint8Array,
): void {
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
  if (data.length <= bytes) context.outputs.push({ kind: 'send', path, data, marker });
}
