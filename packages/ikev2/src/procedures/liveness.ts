import type { Payload } from '@ipsec-kit/ikev2-codec';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import { natDetectionNotifies } from '../nat/nat-detection.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { Procedure } from './procedure.ts';

type Liveness = Extract<Procedure, { readonly kind: 'liveness' }>;

/** DPD: an empty INFORMATIONAL request, or one with NAT detection. @see RFC 7296 §2.4, RFC 4555 §3.8 */
export function livenessRequest(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  { natDetection }: Liveness,
): readonly Payload[] {
  return natDetection ? natDetectionNotifies(context.crypto, sa, session.path) : [];
}

/** The peer has answered. */
export function onAlive(context: EndpointContext, session: IkeSession, roundTripMs: number): void {
  raise(context, { kind: 'liveness-confirmed', sessionId: session.id, roundTripMs });
}
