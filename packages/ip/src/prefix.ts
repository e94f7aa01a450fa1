import { addressBits, addressesEqual, type IpAddress, type Prefix } from './address.ts';
import { formatAddress, parseAddress } from './address-text.ts';

/** Reads `10.0.0.0/8` or `2001:db8::/32`; an address alone is a prefix of full length. Host bits are kept
 * (a device has `10.1.2.3/24`); {@link networkPrefix} clears them.
 * @returns the prefix, or `undefined` when `text` is not one.
 */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (!address) return undefined;
  if (slash < 0) return hostPrefix(address);
  const digits = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined;
  const length = Number(digits);
  return length <= addressBits(address.version) ? { address, length } : undefined;
}

/** `10.0.0.0/8`, `2001:db8::/32`, `10.0.0.1/32`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`;
}

/** The prefix that holds this address alone: /32 or /128. */
export function hostPrefix(address: IpAddress): Prefix {
  return { address, length: addressBits(address.version) };
}

/** Whether the address lies in the prefix; never across families. Host bits of the prefix do not count. */
export function prefixContains(prefix: Prefix, address: IpAddress): boolean {
  return (
    prefix.address.version === address.version &&
    leadingBitsEqual(prefix.address.bytes, 0, address.bytes, 0, prefix.length)
  );
}

/** Whether both have the same length and address, host bits included. */
export function prefixesEqual(a: Prefix, b: Prefix): boolean {
  return a.length === b.length && addressesEqual(a.address, b.address);
}

/** The same prefix with its host bits cleared. */
export function networkPrefix(prefix: Prefix): Prefix {
  return { address: firstAddress(prefix), length: prefix.length };
}

/** The lowest address of a prefix. */
export function firstAddress(prefix: Prefix): IpAddress {
  const { version, bytes } = prefix.address;
  return { version, bytes: bytes.map((byte, i) => byte & maskByte(prefix.length, i)) };
}

/** The highest address of a prefix; IPv4's broadcast address. */
export function lastAddress(prefix: Prefix): IpAddress {
  const { version, bytes } = prefix.address;
  return { version, bytes: bytes.map((byte, i) => byte | (~maskByte(prefix.length, i) & 0xff)) };
}

/** Whether the first `bits` bits at two places in memory are equal. */
export function leadingBitsEqual(
  a: Uint8Array,
  aOffset: number,
  b: Uint8Array,
  bOffset: number,
  bits: number,
): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i += 1) if (a[aOffset + i] !== b[bOffset + i]) return false;
  const rest = bits & 7;
  if (rest === 0) return true;
  return ((a[aOffset + whole] ?? 0) ^ (b[bOffset + whole] ?? 0)) >> (8 - rest) === 0;
}

function maskByte(length: number, index: number): number {
  const bits = Math.min(Math.max(length - index * 8, 0), 8);
  return (0xff00 >> bits) & 0xff;
}
