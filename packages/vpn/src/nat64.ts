import type { IpAddress, Prefix } from '@ipsec-kit/ip';
import { synthesizeNat64 } from '@ipsec-kit/mobike';
import type { Platform } from './platform.ts';

/** The prefix of the NAT64 of a network: as configured, looked for in its DNS, or none. */
export type Nat64Setting =
  | { readonly kind: 'discover' | 'none' }
  | { readonly kind: 'prefix'; readonly prefix: Prefix };

/** Finds the prefix of the NAT64 that this host is behind. @returns nothing where there is none, or none is wanted; rejects when DNS
 * does not say.
 */
export type Nat64Finder = () => Promise<Prefix | undefined>;

/** The name whose only addresses are the two below: an IPv6 address for it is made by a NAT64's DNS. @see RFC 7050 §3 */
const WELL_KNOWN_NAME = 'ipv4only.arpa';
const WELL_KNOWN_ADDRESSES: readonly IpAddress[] = [170, 171].map((last) => ({
  version: 4,
  bytes: Uint8Array.of(192, 0, 0, last),
}));
/** Of a prefix, the longest first: the usual one. @see RFC 6052 §2.2 */
const PREFIX_BITS: readonly number[] = [96, 64, 56, 48, 40, 32];

/** Makes the finder for a setting. */
export function nat64Finder(
  setting: Nat64Setting,
  { resolve }: Pick<Platform, 'resolve'>,
): Nat64Finder {
  return async () => {
    if (setting.kind === 'prefix') return setting.prefix;
    if (setting.kind === 'none') return undefined;
    return nat64PrefixIn(await resolve(WELL_KNOWN_NAME));
  };
}

/** The prefix under which these addresses hold one of the well-known name. @see RFC 7050 §3 */
export function nat64PrefixIn(answers: readonly IpAddress[]): Prefix | undefined {
  for (const address of answers) {
    const length = PREFIX_BITS.find((bits) =>
      WELL_KNOWN_ADDRESSES.some((ipv4) => isAt({ address, length: bits }, ipv4)),
    );
    if (length !== undefined) return { address: cut(address, length), length };
  }
  return undefined;
}

/** Whether a NAT64 may have this prefix. @see RFC 6052 §2.2 */
export function isNat64Prefix({ address, length }: Prefix): boolean {
  return address.version === 6 && PREFIX_BITS.includes(length);
}

function isAt(prefix: Prefix, ipv4: IpAddress): boolean {
  const made = synthesizeNat64(prefix, ipv4);
  return made?.bytes.every((byte, index) => byte === prefix.address.bytes[index]) ?? false;
}

function cut({ bytes }: IpAddress, bits: number): IpAddress {
  return { version: 6, bytes: bytes.map((byte, index) => (index < bits / 8 ? byte : 0)) };
}
