import { notify, notifyTypeName, type Payload } from '@ipsec-kit/ikev2-codec';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { reject } from '../endpoint/unprotected-answers.ts';
import { type ProtocolError, wireAnswer } from '../errors/wire-answer.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { sendResponse } from '../session/send-message.ts';
import type { OpenRequest } from './create-child-parts.ts';

/** Answers a CREATE_CHILD_SA or IKE_FOLLOWUP_KE request, under the IKE SA and to the place that it came from. @see RFC 7296 §2.11 */
export function respond(
  context: EndpointContext,
  session: IkeSession,
  { sa, exchangeType, messageId, path, marker }: OpenRequest,
  payloads: readonly Payload[],
): void {
  const request = { exchangeType, messageId };
  session.answering = undefined;
  sendResponse(context, session, sa, request, payloads, { path, marker });
}

/** Answers it with an error that ends nothing but the request.
 * @param reason - for our own log, where no event of its own tells; the wire gets the notification only.
 */
export function respondWithError(
  context: EndpointContext,
  session: IkeSession,
  request: OpenRequest,
  error: ProtocolError,
  reason?: string,
): void {
  const answer = wireAnswer(error, true);
  if (reason !== undefined && answer.kind === 'notify') {
    reject(context, request.path, reason, notifyTypeName(answer.notify));
  }
  const payloads = answer.kind === 'notify' ? [notify(answer.notify, answer.data)] : [];
  respond(context, session, request, payloads);
}
