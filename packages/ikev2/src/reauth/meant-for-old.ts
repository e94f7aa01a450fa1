import { addMs, type Instant } from '@ipsec-kit/clock';

/** How long a peer takes at most to open what is to take the place of an IKE SA that it has deleted itself. */
const PEER_OPENS_WITHIN_MS = 10_000;

/** Until when what the peer begins may be meant for an IKE SA that has ended now, in whose place we have opened one: a peer that breaks
 * before it makes deletes it to open another, and knows nothing of ours. Its DELETE and ours may have crossed.
 */
export function meantForOldUntil(now: Instant): Instant {
  return addMs(now, PEER_OPENS_WITHIN_MS);
}
