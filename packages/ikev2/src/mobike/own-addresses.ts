import {
  addressesEqual,
  addressToSelector,
  hasAddress,
  type IpAddress,
  prefixContains,
  selectorContains,
  selectorToPrefixes,
} from '@ipsec-kit/ip';
import type { ConfiguredSelector } from '../config.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Most of our addresses that a peer is told of: more than any host needs, and few enough for one message. */
const MOST_ADDITIONAL = 15;

/** Our addresses that a session may use, in order of preference; the one in use while the driver has told of none. A responder has the
 * initiator come to it, which is no use where that is sent into the tunnel; an initiator may go from there to where it is heard.
 */
export function ownAddresses(context: EndpointContext, session: IkeSession): readonly IpAddress[] {
  const { localAddresses } = context;
  const { connection, path, role } = session;
  if (!localAddresses) return [path.local.address];
  const allowed = connection?.localAddresses ?? [];
  const usable =
    allowed.length === 0
      ? localAddresses.addresses
      : localAddresses.addresses.filter((address) =>
          allowed.some((prefix) => prefixContains(prefix, address)),
        );
  return role === 'initiator' ? usable : reachableAddresses(session, usable);
}

/** Those that a peer reaches by its own network: what it sends to an address of the network behind us, its Child SA takes, which is not
 * up where the address is wanted. The one in use is shown to be reached, and selectors of everything say nothing about one address.
 * @see RFC 4555 §3.4, §3.6
 */
export function reachableAddresses(
  { connection, path }: Pick<IkeSession, 'connection' | 'path'>,
  addresses: readonly IpAddress[],
): readonly IpAddress[] {
  const selectors = connection?.children.flatMap((child) => child.localSelectors) ?? [];
  return addresses.filter(
    (address) =>
      addressesEqual(address, path.local.address) ||
      !selectors.some((configured) => isBehind(configured, address)),
  );
}

function isBehind(configured: ConfiguredSelector, address: IpAddress): boolean {
  if (configured.kind !== 'fixed') return false;
  const { start, end } = configured.selector;
  const everyPacket = { ...addressToSelector(start), end };
  const [first] = selectorToPrefixes(everyPacket);
  return first?.length !== 0 && selectorContains(everyPacket, addressToSelector(address));
}

/** Those without the given ones: what a list for the peer is made of. @see RFC 4555 §3.4 (all but the one in the IP header) */
export function othersThan(
  addresses: readonly IpAddress[],
  ...without: readonly IpAddress[]
): readonly IpAddress[] {
  return addresses.filter((address) => !hasAddress(without, address)).slice(0, MOST_ADDITIONAL);
}
