import type { Payload } from '@ipsec-kit/ikev2-codec';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { Initiation } from './create-child-state.ts';

/** The response, decrypted. */
export function onIkeRekeyResponse(
  _context: EndpointContext,
  session: IkeSession,
  _state: Extract<Initiation, { readonly kind: 'awaiting-ike-response' }>,
  _payloads: readonly Payload[],
): void {
  session.initiation = undefined;
  session.running = undefined;
}
