import { addMs } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { enqueue } from '../procedures/run-procedures.ts';
import type { IkeSession } from './ike-session.ts';

/** Share of the delay by which a check may come later, so that it rides on another wake-up. */
const TOLERANCE_SHARE = 0.1;

/** Arms the check that follows when nothing has come from the peer for `dpdDelayMs`. @see RFC 7296 §2.4 */
export function armLiveness(context: EndpointContext, session: IkeSession): void {
  const delayMs = session.connection?.dpdDelayMs ?? 0;
  if (delayMs <= 0) return;
  setTimer(context, session, 'dpd', addMs(session.lastInboundAt, delayMs), {
    toleranceMs: delayMs * TOLERANCE_SHARE,
  });
}

/** The delay is over, counted from when it was armed: packets that came since have moved it, which is noticed only here,
 * so that a packet costs nothing.
 */
export function onLivenessTimer(context: EndpointContext, session: IkeSession): void {
  if (session.state.kind !== 'established') return;
  const delayMs = session.connection?.dpdDelayMs ?? 0;
  if (context.now >= addMs(session.lastInboundAt, delayMs)) {
    enqueue(context, session, { kind: 'liveness' });
    // The next one counts from here; its own retransmission finds a dead peer.
    setTimer(context, session, 'dpd', addMs(context.now, delayMs), {
      toleranceMs: delayMs * TOLERANCE_SHARE,
    });
    return;
  }
  armLiveness(context, session);
}
