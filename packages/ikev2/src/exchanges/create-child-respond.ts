import { notify, type Payload } from '@ipsec-kit/ikev2-codec';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
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

/** Answers it with an error that ends nothing but the request. */
export function respondWithError(
  context: EndpointContext,
  session: IkeSession,
  request: OpenRequest,
  error: ProtocolError,
): void {
  const answer = wireAnswer(error, true);
  const payloads = answer.kind === 'notify' ? [notify(answer.notify, answer.data)] : [];
  respond(context, session, request, payloads);
}
