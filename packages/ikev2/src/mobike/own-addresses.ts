import { addressesEqual, type IpAddress, prefixContains } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Most of our addresses that a peer is told of: more than any host needs, and few enough for one message. */
const MOST_ADDITIONAL = 15;

/** Our addresses that a session may use, in order of preference; the one in use while the driver has told of none. */
export function ownAddresses(
  context: EndpointContext,
  { connection, path }: IkeSession,
): readonly IpAddress[] {
  const { localAddresses } = context;
  if (!localAddresses) return [path.local.address];
  const allowed = connection?.localAddresses ?? [];
  if (allowed.length === 0) return localAddresses.addresses;
  return localAddresses.addresses.filter((address) =>
    allowed.some((prefix) => prefixContains(prefix, address)),
  );
}

/** Those without the given ones: what a list for the peer is made of. @see RFC 4555 §3.4 (all but the one in the IP header) */
export function othersThan(
  addresses: readonly IpAddress[],
  ...without: readonly IpAddress[]
): readonly IpAddress[] {
  return addresses.filter((address) => !hasAddress(without, address)).slice(0, MOST_ADDITIONAL);
}

/** Whether an address is in a list. */
export function hasAddress(list: readonly IpAddress[], address: IpAddress): boolean {
  return list.some((other) => addressesEqual(other, address));
}

/** Whether two lists hold the same addresses, in whatever order. */
export function sameAddresses(a: readonly IpAddress[], b: readonly IpAddress[]): boolean {
  return a.length === b.length && a.every((address) => hasAddress(b, address));
}
