import type { Path } from '@ipsec-kit/ip';

/** What `fragmentBytes` 0 stands for: every IPv6 link carries it, and so does nearly every IPv4 path.
 * RFC 7383 §2.5.1 recommends 1280 for IPv6 and 576 for IPv4; we take one size for both, as others do,
 * because more fragments are more losses, and a path below 1280 can be configured.
 */
export const DEFAULT_FRAGMENT_BYTES: number = 1280;

const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
const UDP_HEADER_BYTES = 8;
const NON_ESP_MARKER_BYTES = 4;
/** Below this a fragment would be nothing but headers. */
const MIN_DATAGRAM_BYTES = 128;

/** Most bytes of an IKE message, header included, whose IP packet is not larger than `fragmentBytes`.
 * @param fragmentBytes - the largest IP packet, 0 for {@link DEFAULT_FRAGMENT_BYTES}.
 */
export function maxMessageBytes(fragmentBytes: number, path: Path, marker: boolean): number {
  const packet = fragmentBytes > 0 ? fragmentBytes : DEFAULT_FRAGMENT_BYTES;
  const ip = path.remote.address.version === 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
  const headers = ip + UDP_HEADER_BYTES + (marker ? NON_ESP_MARKER_BYTES : 0);
  return Math.max(MIN_DATAGRAM_BYTES, packet - headers);
}
