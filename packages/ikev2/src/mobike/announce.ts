import type { Payload } from '@ipsec-kit/ikev2-codec';
import type { IpAddress, Path } from '@ipsec-kit/ip';
import { addressListNotifies } from '@ipsec-kit/mobike';
import type { Procedure } from '../procedures/procedure.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { reachableAddresses } from './own-addresses.ts';

type Announcement = Extract<Procedure, { readonly kind: 'announce-addresses' }>;

/** Puts into the queue, first, that the peer is told which other addresses we have; the newest list takes the place of one that waits.
 * @param paths - where it goes, from another address than the one in use; absent: the path in use.
 * @see RFC 4555 §3.6
 */
export function announceAddresses(
  session: IkeSession,
  addresses: readonly IpAddress[],
  paths?: readonly Path[],
): void {
  if (session.state.kind !== 'established') return;
  const { queue } = session;
  const additional = reachableAddresses(session, addresses);
  session.announced = additional;
  const waiting = queue.findIndex(({ kind }) => kind === 'announce-addresses');
  if (waiting >= 0) queue.splice(waiting, 1);
  const procedure = {
    kind: 'announce-addresses',
    additional,
    ...(paths ? { paths } : {}),
  } as const;
  queue.unshift(procedure);
}

/** The list in an INFORMATIONAL request: ADDITIONAL_IP4_ADDRESS, ADDITIONAL_IP6_ADDRESS, or NO_ADDITIONAL_ADDRESSES. */
export function announcementRequest({ additional }: Announcement): readonly Payload[] {
  return addressListNotifies(additional);
}
