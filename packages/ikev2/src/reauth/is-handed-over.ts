import type { IkeSession } from '../session/ike-session.ts';
import { latestOf } from './latest-of.ts';

/** Whether an IKE SA has been replaced on both sides, as far as this one knows: it is about to be deleted, and makes nothing any
 * more, neither Child SAs nor another IKE SA. The responder of the new one knows when the initiator has used that.
 * @see RFC 7296 §2.25.2 (an IKE SA that is being closed)
 */
export function isHandedOver(session: IkeSession): boolean {
  const front = latestOf(session);
  if (front === session || front.state.kind !== 'established') return false;
  return front.role === 'initiator' || front.lastInboundAt > front.establishedAt;
}
