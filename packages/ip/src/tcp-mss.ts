import { readUint16, writeUint16 } from './byte-order.ts';
import { updateChecksum } from './checksum.ts';
import { IpProtocol } from './ip-protocol.ts';
import { createPacketFields, type PacketFields, readPacketFields } from './packet-fields.ts';

const scratch: PacketFields = /* @__PURE__ */ createPacketFields();

/** Lowers the MSS option of a TCP SYN or SYN-ACK in place, so that segments fit `innerMtu`; the TCP checksum is
 * updated incrementally (RFC 1624). Any other packet, and a smaller or missing option, stays as it is.
 * @param innerMtu - largest IP packet that the tunnel carries, in bytes.
 * @returns whether the packet was changed.
 * @see RFC 9293 §3.7.1 (MSS = MTU - fixed IP header - fixed TCP header)
 */
export function clampTcpMss(
  memory: Uint8Array,
  offset: number,
  length: number,
  innerMtu: number,
): boolean {
  return (
    readPacketFields(memory, offset, length, scratch) &&
    clampTcpMssOfFields(memory, scratch, innerMtu)
  );
}

/** {@link clampTcpMss} for a packet whose fields are read already. */
export function clampTcpMssOfFields(
  memory: Uint8Array,
  fields: PacketFields,
  innerMtu: number,
): boolean {
  const { payloadOffset: tcp, payloadLength } = fields;
  if (fields.protocol !== IpProtocol.TCP || fields.fragmentOffset !== 0) return false;
  const isSyn = ((memory[tcp + 13] ?? 0) & 0x02) !== 0;
  if (payloadLength < 24 || !isSyn) return false;
  const headerBytes = ((memory[tcp + 12] ?? 0) >> 4) * 4;
  const optionsEnd = tcp + Math.min(headerBytes, payloadLength);
  const mss = findMss(memory, tcp + 20, optionsEnd);
  if (mss < 0) return false;
  const fits = Math.max(innerMtu - (fields.version === 4 ? 40 : 60), 1);
  const offered = readUint16(memory, mss);
  if (offered <= fits) return false;
  writeUint16(memory, mss, fits);
  const checksum = adjustChecksum(
    readUint16(memory, tcp + 16),
    offered,
    fits,
    (mss - tcp) % 2 === 1,
  );
  writeUint16(memory, tcp + 16, checksum);
  return true;
}

/** Offset of the value of the MSS option, or -1. */
function findMss(memory: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const kind = memory[at];
    if (kind === 0) return -1;
    if (kind === 1) {
      at += 1;
      continue;
    }
    const optionBytes = memory[at + 1] ?? 0;
    if (at + 1 >= end || optionBytes < 2 || at + optionBytes > end) return -1;
    if (kind === 2) return optionBytes === 4 ? at + 2 : -1;
    at += optionBytes;
  }
  return -1;
}

/** An option may begin at an odd offset; its value then lies byte-swapped across the words of the sum. */
function adjustChecksum(checksum: number, before: number, after: number, odd: boolean): number {
  return odd
    ? updateChecksum(checksum, swapBytes(before), swapBytes(after))
    : updateChecksum(checksum, before, after);
}

function swapBytes(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}
