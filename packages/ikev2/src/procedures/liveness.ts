import type { Payload } from '@ipsec-kit/ikev2-codec';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import type { LivenessReason } from '../events.ts';
import { natDetectionNotifies } from '../nat/nat-detection.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { Procedure } from './procedure.ts';
import { enqueue } from './run-procedures.ts';

type Liveness = Extract<Procedure, { readonly kind: 'liveness' }>;

/** Asks the peer whether it is there, unless another request asks that already; with NAT detection where the peer has MOBIKE,
 * which alone defines that. @see RFC 7296 §2.4, RFC 4555 §3.8
 */
export function checkLiveness(
  context: EndpointContext,
  session: IkeSession,
  reason: LivenessReason,
  natDetection: boolean = session.addressUpdates !== undefined,
): void {
  const place = natDetection ? 'first' : 'last';
  if (!enqueue(context, session, { kind: 'liveness', natDetection, reason }, place)) return;
  raise(context, { kind: 'liveness-check-started', sessionId: session.id, reason, natDetection });
}

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
