import { readUint16, writeUint16 } from './byte-order.ts';
import { writeIpv4HeaderChecksum } from './checksum.ts';
import { claimSlot, commitPacket, type PacketBatch } from './packet-batch.ts';

/** Splits the IPv4 packet at `index` of a batch into fragments of at most `mtu` bytes: the first stays where it is,
 * shortened, the others are appended. A packet that is a fragment itself can be split further. Allocates nothing.
 * The DF bit is not looked at: whether the packet may be fragmented is up to the caller.
 * @param index - of a packet that `readPacketFields` accepted.
 * @param mtu - at least 68. @see RFC 791 §3.2 (every module must forward 68 bytes)
 * @returns how many packets it became, or 0, with the batch unchanged, when it cannot hold them.
 */
export function fragmentIpv4(batch: PacketBatch, index: number, mtu: number): number {
  const { memory } = batch;
  const at = batch.offsets[index] ?? 0;
  const headerBytes = ((memory[at] ?? 0) & 15) * 4;
  const totalLength = readUint16(memory, at + 2);
  if (totalLength <= mtu) return 1;
  const laterHeaderBytes = 20 + copiedOptionBytes(memory, at, headerBytes);
  const firstData = blockFloor(mtu - headerBytes);
  const laterData = blockFloor(mtu - laterHeaderBytes);
  const rest = totalLength - headerBytes - firstData;
  const appended = Math.ceil(rest / laterData);
  if (!hasRoom(batch, appended, laterHeaderBytes + laterData)) return 0;

  const countBefore = batch.count;
  const flags = readUint16(memory, at + 6);
  const firstBlock = (flags & 0x1fff) + firstData / 8;
  for (let n = 0; n < appended; n += 1) {
    const from = n * laterData;
    const dataBytes = Math.min(laterData, rest - from);
    const target = claimSlot(batch);
    if (target < 0) {
      batch.count = countBefore;
      return 0;
    }
    writeLaterHeader(memory, at, headerBytes, target, laterHeaderBytes);
    const source = at + headerBytes + firstData + from;
    memory.copyWithin(target + laterHeaderBytes, source, source + dataBytes);
    // The last piece keeps the more-fragments bit of a packet that was a fragment already.
    const more = n < appended - 1 ? 0x2000 : flags & 0x2000;
    const fragment = (flags & 0xc000) | more | (firstBlock + from / 8);
    finishHeader(memory, target, laterHeaderBytes, dataBytes, fragment);
    commitPacket(batch, target, laterHeaderBytes + dataBytes);
  }
  finishHeader(memory, at, headerBytes, firstData, flags | 0x2000);
  batch.lengths[index] = headerBytes + firstData;
  return appended + 1;
}

function hasRoom(batch: PacketBatch, packets: number, bytes: number): boolean {
  return batch.count + packets <= batch.capacity && bytes <= batch.slotBytes - batch.headroom;
}

/** Fragment offsets count in units of 8 bytes. */
function blockFloor(bytes: number): number {
  return bytes - (bytes % 8);
}

function finishHeader(
  memory: Uint8Array,
  at: number,
  headerBytes: number,
  dataBytes: number,
  fragment: number,
): void {
  writeUint16(memory, at + 2, headerBytes + dataBytes);
  writeUint16(memory, at + 6, fragment);
  writeIpv4HeaderChecksum(memory, at, headerBytes);
}

/** The header of every fragment but the first has only the options whose copied flag is set. @see RFC 791 §3.1 */
function writeLaterHeader(
  memory: Uint8Array,
  from: number,
  headerBytes: number,
  to: number,
  laterHeaderBytes: number,
): void {
  memory.copyWithin(to, from, from + 20);
  memory[to] = 0x40 | (laterHeaderBytes / 4);
  memory.fill(0, to + 20, to + laterHeaderBytes);
  let target = to + 20;
  for (let at = 20; at < headerBytes; ) {
    const bytes = optionBytes(memory, from + at, headerBytes - at);
    if (bytes === 0) break;
    if (((memory[from + at] ?? 0) & 0x80) !== 0) {
      memory.copyWithin(target, from + at, from + at + bytes);
      target += bytes;
    }
    at += bytes;
  }
}

function copiedOptionBytes(memory: Uint8Array, offset: number, headerBytes: number): number {
  let copied = 0;
  for (let at = 20; at < headerBytes; ) {
    const bytes = optionBytes(memory, offset + at, headerBytes - at);
    if (bytes === 0) break;
    if (((memory[offset + at] ?? 0) & 0x80) !== 0) copied += bytes;
    at += bytes;
  }
  return Math.ceil(copied / 4) * 4;
}

/** Length of the option at `at`, or 0 at the end of the list and for a broken one. */
function optionBytes(memory: Uint8Array, at: number, left: number): number {
  const kind = memory[at] ?? 0;
  if (kind === 0) return 0;
  if (kind === 1) return 1;
  const bytes = left > 1 ? (memory[at + 1] ?? 0) : 0;
  return bytes >= 2 && bytes <= left ? bytes : 0;
}
