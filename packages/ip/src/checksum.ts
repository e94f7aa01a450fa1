import { readUint16, writeUint16 } from './byte-order.ts';

/** Adds the 16-bit words of `memory[offset .. offset + length)` to a sum that is not yet folded; an odd last byte
 * is padded with zero. The sum of 64 KiB stays far below 2^53. @see RFC 1071 §1
 */
export function addToSum(memory: Uint8Array, offset: number, length: number, sum = 0): number {
  let total = sum;
  const end = offset + length;
  for (let at = offset; at + 1 < end; at += 2) total += readUint16(memory, at);
  if (length % 2 === 1) total += (memory[end - 1] ?? 0) << 8;
  return total;
}

/** The checksum of a sum: folded to 16 bits and complemented. */
export function checksumOfSum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

/** The internet checksum of `memory[offset .. offset + length)`; 0 over bytes that contain their own right checksum.
 * @param sum - of a pseudo-header, see {@link pseudoHeaderSum}.
 * @see RFC 1071
 */
export function internetChecksum(
  memory: Uint8Array,
  offset: number,
  length: number,
  sum = 0,
): number {
  return checksumOfSum(addToSum(memory, offset, length, sum));
}

/** The checksum after one 16-bit word under it changed, without reading the rest. @see RFC 1624 §3, equation 3 */
export function updateChecksum(checksum: number, oldWord: number, newWord: number): number {
  return checksumOfSum((~checksum & 0xffff) + (~oldWord & 0xffff) + (newWord & 0xffff));
}

/** The sum of the pseudo-header that TCP, UDP and ICMPv6 checksums cover.
 * @param sourceOffset - where the source address lies in `memory`; the destination follows directly.
 * @param version - 4 for 4-byte addresses, 6 for 16-byte ones.
 * @param length - bytes of the upper layer.
 * @see RFC 9293 §3.1, RFC 8200 §8.1
 */
export function pseudoHeaderSum(
  memory: Uint8Array,
  sourceOffset: number,
  version: 4 | 6,
  protocol: number,
  length: number,
): number {
  return addToSum(memory, sourceOffset, version === 4 ? 8 : 32, protocol + length);
}

/** Recomputes the checksum in the IPv4 header at `offset`. @param headerBytes - 20 to 60. */
export function writeIpv4HeaderChecksum(
  memory: Uint8Array,
  offset: number,
  headerBytes: number,
): void {
  writeUint16(memory, offset + 10, 0);
  writeUint16(memory, offset + 10, internetChecksum(memory, offset, headerBytes));
}
