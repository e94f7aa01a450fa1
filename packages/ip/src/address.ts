/** An IPv4 or IPv6 address: 4 or 16 bytes in network order. Treat `bytes` as immutable. */
export interface IpAddress {
  readonly version: 4 | 6;
  readonly bytes: Uint8Array;
}

/** An address and a UDP port. */
export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

/** Both ends of a datagram, as seen from this host; the same shape for what came and what goes. */
export interface Path {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/** An address and the number of leading bits that count. */
export interface Prefix {
  readonly address: IpAddress;
  readonly length: number;
}

/** An address from its 4 or 16 bytes in network order, copied. An IPv4-mapped IPv6 address stays IPv6.
 * @throws when the length is neither; check the length of what came from the network first.
 */
export function addressFromBytes(bytes: Uint8Array): IpAddress {
  if (bytes.length !== 4 && bytes.length !== 16) {
    throw new TypeError(
      `"bytes" expected Uint8Array of length 4 or 16, got length=${bytes.length}`,
    );
  }
  return { version: bytes.length === 4 ? 4 : 6, bytes: Uint8Array.from(bytes) };
}

/** Bits in an address of this version: 32 or 128. */
export function addressBits(version: 4 | 6): number {
  return version === 4 ? 32 : 128;
}

/** 0.0.0.0 or :: . */
export function unspecifiedAddress(version: 4 | 6): IpAddress {
  return { version, bytes: new Uint8Array(version === 4 ? 4 : 16) };
}

/** 127.0.0.1 or ::1 . */
export function loopbackAddress(version: 4 | 6): IpAddress {
  if (version === 4) return { version, bytes: Uint8Array.of(127, 0, 0, 1) };
  const bytes = new Uint8Array(16);
  bytes[15] = 1;
  return { version, bytes };
}

/** Whether both are the same address of the same family. */
export function addressesEqual(a: IpAddress, b: IpAddress): boolean {
  return a === b || compareAddresses(a, b) === 0;
}

/** Order of two addresses: IPv4 before IPv6, then by value.
 * @returns negative, 0 or positive, as `Array.prototype.sort` wants it.
 */
export function compareAddresses(a: IpAddress, b: IpAddress): number {
  if (a.version !== b.version) return a.version - b.version;
  for (let i = 0; i < a.bytes.length; i += 1) {
    const difference = (a.bytes[i] ?? 0) - (b.bytes[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The address as a number, for arithmetic on pools and ranges. */
export function addressToBigInt(address: IpAddress): bigint {
  let value = 0n;
  for (const byte of address.bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** The address of this number, or `undefined` when it is negative or has too many bits for the family. */
export function addressFromBigInt(version: 4 | 6, value: bigint): IpAddress | undefined {
  const bits = addressBits(version);
  if (value < 0n || value >> BigInt(bits) !== 0n) return undefined;
  const bytes = new Uint8Array(bits / 8);
  let rest = value;
  for (let i = bytes.length - 1; i >= 0; i -= 1) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return { version, bytes };
}

/** Whether this is 0.0.0.0 or :: . */
export function isUnspecified(address: IpAddress): boolean {
  return address.bytes.every((byte) => byte === 0);
}

/** Whether this is in 127.0.0.0/8, or ::1 . */
export function isLoopback(address: IpAddress): boolean {
  if (address.version === 4) return address.bytes[0] === 127;
  return addressesEqual(address, loopbackAddress(6));
}

/** Whether this is in 224.0.0.0/4 or ff00::/8. */
export function isMulticast(address: IpAddress): boolean {
  const first = address.bytes[0] ?? 0;
  return address.version === 4 ? first >> 4 === 14 : first === 0xff;
}

/** Whether this is in 169.254.0.0/16 or fe80::/10: only meaningful on one link. */
export function isLinkLocal(address: IpAddress): boolean {
  const first = address.bytes[0] ?? 0;
  const second = address.bytes[1] ?? 0;
  return address.version === 4
    ? first === 169 && second === 254
    : first === 0xfe && (second & 0xc0) === 0x80;
}

/** Whether this is an IPv6 address in ::ffff:0:0/96. @see RFC 4291 §2.5.5.2 */
export function isIpv4Mapped(address: IpAddress): boolean {
  return address.version === 6 && isMappedAt(address.bytes, 0);
}

/** The IPv4 address inside an IPv4-mapped one; any other address as it is. */
export function unmapAddress(address: IpAddress): IpAddress {
  return isIpv4Mapped(address) ? { version: 4, bytes: address.bytes.slice(12) } : address;
}

/** Whether the 16 bytes at `offset` are an IPv4-mapped address. */
export function isMappedAt(memory: Uint8Array, offset: number): boolean {
  for (let i = 0; i < 10; i += 1) if (memory[offset + i] !== 0) return false;
  return memory[offset + 10] === 0xff && memory[offset + 11] === 0xff;
}
