import { readUint16, writeUint16 } from './byte-order.ts';
import { updateChecksum } from './checksum.ts';

/** What the lower two bits of a traffic class say about congestion. @see RFC 3168 §5 */
export const Ecn = {
  'Not-ECT': 0,
  'ECT(1)': 1,
  'ECT(0)': 2,
  CE: 3,
} as const;

/** The bits of a traffic class that are the ECN field; the others are the DSCP. @see RFC 3168 §5, RFC 2474 §3 */
export const ECN_MASK = 3;

/** The traffic class of the packet at `offset`: the TOS byte of IPv4, the Traffic Class of IPv6.
 * @param version - of its header, which is there whole.
 */
export function readTrafficClass(memory: Uint8Array, offset: number, version: 4 | 6): number {
  const second = memory[offset + 1] ?? 0;
  if (version === 4) return second;
  return (((memory[offset] ?? 0) & 0x0f) << 4) | (second >> 4);
}

/** Writes the traffic class of the packet at `offset`; the checksum of an IPv4 header is brought up to date, without
 * being computed anew. Allocates nothing. @see RFC 1624 §3
 */
export function writeTrafficClass(
  memory: Uint8Array,
  offset: number,
  version: 4 | 6,
  trafficClass: number,
): void {
  const before = readUint16(memory, offset);
  const after =
    version === 4
      ? (before & 0xff00) | trafficClass
      : (before & 0xf00f) | ((trafficClass & 0xff) << 4);
  if (after === before) return;
  writeUint16(memory, offset, after);
  if (version === 6) return;
  writeUint16(memory, offset + 10, updateChecksum(readUint16(memory, offset + 10), before, after));
}
