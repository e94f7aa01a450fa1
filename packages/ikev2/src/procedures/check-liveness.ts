import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import type { LivenessReason } from '../events.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { enqueue } from './run-procedures.ts';

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
