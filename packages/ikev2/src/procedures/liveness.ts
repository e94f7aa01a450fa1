import type { Payload } from '@ipsec-kit/ikev2-codec';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import { natDetectionNotifies } from '../nat/nat-detection.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** DPD: an empty INFORMATIONAL request; with NAT detection where the peer has MOBIKE, which alone defines that.
 * @see RFC 7296 §2.4, RFC 4555 §3.8
 */
export function livenessRequest(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
): readonly Payload[] {
  return session.addressUpdates ? natDetectionNotifies(context.crypto, sa, session.path) : [];
}

/** The peer has answered. */
export function onAlive(context: EndpointContext, session: IkeSession, roundTripMs: number): void {
  raise(context, { kind: 'liveness-confirmed', sessionId: session.id, roundTripMs });
}
