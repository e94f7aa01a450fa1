import type { Payload } from '@ipsec-kit/ikev2-codec';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { ProtocolError } from '../errors/wire-answer.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { respondWithError } from './create-child-respond.ts';
import type { OpenRequest } from './create-child-state.ts';

/** A request for a new IKE SA. @see RFC 7296 §1.3.2 */
export function answerIkeRekey(
  context: EndpointContext,
  session: IkeSession,
  request: OpenRequest,
  _payloads: readonly Payload[],
  _initiatorNonce: Uint8Array,
): ProtocolError | undefined {
  respondWithError(context, session, request, { code: 'no-additional-sas' });
  return undefined;
}
