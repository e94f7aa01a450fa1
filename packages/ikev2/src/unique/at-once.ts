import { addMs } from '@ipsec-kit/clock';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Two IKE SAs that either side opened within this time count as opened at once. */
export const AT_ONCE_MS: number = 30_000;

/** One was opened by us and the other by the peer, and neither side can have known of the first when it began the second: it
 * stands for a moment only, or this one was begun before that, however long it has taken, as when a host slept meanwhile.
 */
export function isTogether(
  context: EndpointContext,
  session: IkeSession,
  other: IkeSession,
): boolean {
  if (session.role === other.role) return false;
  const wasBefore = session.begunAt <= other.establishedAt;
  return wasBefore || context.now <= addMs(other.establishedAt, AT_ONCE_MS);
}
