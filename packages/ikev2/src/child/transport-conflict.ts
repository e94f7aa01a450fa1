import { intersectSelectors, type TrafficSelector } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { NarrowedSelectors } from '../negotiate/selectors.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isSamePeer } from '../unique/peer-sessions.ts';

/** Whether another peer behind the same address has a Child SA in transport mode for some of the same traffic: packets to
 * the two could not be told apart. @see RFC 3948 §5.2 (implementations MUST handle it, by disallowing it or otherwise)
 */
export function isTakenByOther(
  context: EndpointContext,
  session: IkeSession,
  wanted: NarrowedSelectors,
): boolean {
  const overlap = (some: readonly TrafficSelector[], others: readonly TrafficSelector[]): boolean =>
    some.some((one) => others.some((other) => intersectSelectors(one, other) !== undefined));
  for (const other of new Set(context.sessionsByChild.values())) {
    if (other === session || isSamePeer(other, session)) continue;
    for (const { mode, localSelectors, remoteSelectors } of other.children.values()) {
      if (mode !== 'transport') continue;
      if (overlap(localSelectors, wanted.local) && overlap(remoteSelectors, wanted.remote)) {
        return true;
      }
    }
  }
  return false;
}
