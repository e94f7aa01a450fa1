import { addMs, type Instant } from '@ipsec-kit/clock';
import type { SessionFailure } from '../events.ts';

/** How long a peer takes at most to open what is to take the place of an IKE SA that it has deleted itself. */
const PEER_OPENS_WITHIN_MS = 10_000;

/** Until when what the peer begins may be meant for an IKE SA of ours that has ended now, for this reason: a peer that breaks before it
 * makes has deleted it to open another, and knows nothing of what we have opened in its place.
 */
export function meantForOldUntil(now: Instant, failure: SessionFailure): Instant {
  return failure.code === 'peer-deleted' ? addMs(now, PEER_OPENS_WITHIN_MS) : now;
}
