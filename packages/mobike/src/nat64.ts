import { type IpAddress, type Prefix, prefixContains } from '@ipsec-kit/ip';

/** Where the IPv4 address begins, by the length of the prefix; byte 8 is always zero. @see RFC 6052 §2.2 */
const LENGTHS: readonly number[] = [32, 40, 48, 56, 64, 96];

/** The prefix that every NAT64 may use. @see RFC 6052 §2.1 */
export const WELL_KNOWN_NAT64_PREFIX: Prefix = {
  address: {
    version: 6,
    bytes: Uint8Array.of(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  },
  length: 96,
};

/** The IPv6 address under which a NAT64 reaches an IPv4 host: how a host with IPv6 alone gets to a server with IPv4 alone.
 * @param prefix - of the network: 32, 40, 48, 56, 64 or 96 bits.
 * @returns `undefined` for another length or an address that is not IPv4.
 * @see RFC 6052 §2.2
 */
export function synthesizeNat64(prefix: Prefix, address: IpAddress): IpAddress | undefined {
  if (address.version !== 4 || prefix.address.version !== 6 || !LENGTHS.includes(prefix.length)) {
    return undefined;
  }
  const bytes = new Uint8Array(16);
  const prefixBytes = prefix.length / 8;
  bytes.set(prefix.address.bytes.subarray(0, prefixBytes));
  let at = prefixBytes;
  for (const byte of address.bytes) {
    // Bits 64 to 71 are reserved and zero, so the IPv4 address steps over them.
    if (at === 8) at += 1;
    bytes[at] = byte;
    at += 1;
  }
  return { version: 6, bytes };
}

/** The IPv4 address of a host that a NAT64 reaches under `address`: how a session that began behind the translator goes on without it.
 * @param prefix - of the network: 32, 40, 48, 56, 64 or 96 bits.
 * @returns `undefined` for another length, or an address that is not under the prefix.
 * @see RFC 6052 §2.3
 */
export function ipv4BehindNat64(prefix: Prefix, address: IpAddress): IpAddress | undefined {
  if (address.version !== 6 || !LENGTHS.includes(prefix.length)) return undefined;
  if (!prefixContains(prefix, address)) return undefined;
  // Bits 64 to 71 are no part of it.
  const octets = address.bytes.filter((_, index) => index >= prefix.length / 8 && index !== 8);
  return { version: 4, bytes: octets.slice(0, 4) };
}

/** The addresses of a peer without those that exist in this network alone: a session that came through its NAT64 knows no other. */
export function untranslated(
  addresses: readonly IpAddress[],
  prefix: Prefix | undefined,
): readonly IpAddress[] {
  if (!prefix) return addresses;
  return addresses.map((address) => ipv4BehindNat64(prefix, address) ?? address);
}
