import {
  commitPacket,
  completeChecksum,
  type PacketBatch,
  packetBatchIn,
  Segmenter,
  summedMemory,
  vectorMemory,
} from '@ipsec-kit/ip';
import { IOVEC, rawMemory, writeVector } from '@ipsec-kit/posix';
import type { TunCalls } from './file-calls.ts';
import type { TunCounters } from './tun-adapter.ts';
import type { TunOffloads, TunQueueOptions } from './tun-queue.ts';
import {
  createVnetHeader,
  readVnetHeader,
  VNET_HEADER_BYTES,
  VnetSegmentation,
} from './vnet-header.ts';

/** The largest packet of a device. */
const MOST_BYTES = 65536;
/** Slots that a read leaves free, for fragments. */
const SPARE_SLOTS = 32;
const EAGAIN = 11;

/** Counters that the queue itself writes. */
export type WritableTunCounters = { -readonly [Name in keyof TunCounters]: number };

/** Nothing has passed yet. */
export function newTunCounters(): WritableTunCounters {
  return { read: 0, readDrops: 0, written: 0, writeDrops: 0 };
}

/** Reads packets of a queue. */
export interface TunReader {
  readonly packets: PacketBatch;
  readonly lastErrno: number;
  read(): boolean;
  release(): void;
}

/** Maps the memory of a reader once. Each packet is read right into its slot, behind the headroom, in which the vnet
 * header comes to lie; what does not fit into the slot goes to a place behind all slots, from where the segments of a
 * large packet are taken one by one.
 */
export function createTunReader(
  calls: TunCalls,
  fd: number,
  offloads: TunOffloads | undefined,
  options: TunQueueOptions,
  counters: WritableTunCounters,
): TunReader {
  const { mtu = 1500, batchPackets = 128, headroomBytes = 64, tailroomBytes = 128 } = options;
  const frontBytes = offloads ? VNET_HEADER_BYTES : 0;
  // Multiples of 4: headers and payloads are copied and summed in words.
  const headroom = roundUp(Math.max(headroomBytes, VNET_HEADER_BYTES), 4);
  const room = roundUp(mtu, 4);
  const slotBytes = headroom + room + roundUp(tailroomBytes, 4);
  const capacity = batchPackets + SPARE_SLOTS;
  // The rest of a large packet, with a slot in front of it for what of the rest lies in the packet's own slot.
  const restAt = capacity * slotBytes + roundUp(room, 4);
  const vectorsAt = roundUp(restAt + MOST_BYTES, 64);
  const sizeBytes = vectorsAt + 2 * IOVEC.sizeBytes;
  const mapped = calls.mapMemory(sizeBytes, vectorMemory(sizeBytes));
  const memory = summedMemory(mapped.bytes);
  const { words32, address } = rawMemory(mapped);
  const packets = packetBatchIn(mapped.bytes, { capacity, slotBytes, headroom });
  const segmenter = new Segmenter();
  const header = createVnetHeader();
  writeVector(words32, vectorsAt + IOVEC.sizeBytes, address + restAt, MOST_BYTES);

  const nextSlot = (): number => packets.count * slotBytes + headroom;

  function takeSegments(): void {
    while (packets.count < batchPackets) {
      const at = nextSlot();
      const length = segmenter.next(memory, at);
      if (length === 0) return;
      commitPacket(packets, at, length);
      counters.read += 1;
    }
  }

  /** @returns whether the packet was taken. */
  function takeWhole(at: number, length: number): boolean {
    if (length > mtu) return false;
    if (header.needsChecksum) {
      const start = at + header.checksumStart;
      const field = start + header.checksumOffset;
      if (!completeChecksum(memory, start, field, at + length)) return false;
    }
    commitPacket(packets, at, length);
    counters.read += 1;
    return true;
  }

  /** @returns whether the packet was taken; what of it finds no slot now is pending then. */
  function takeLarge(at: number, length: number): boolean {
    const protocol = header.segmentation === VnetSegmentation.udp ? 'udp' : 'tcp';
    const transportOffset = header.checksumStart;
    const { segmentBytes, needsChecksum } = header;
    const large = { offset: at, length, transportOffset, segmentBytes, protocol } as const;
    if (!needsChecksum || !segmenter.begin(memory, large)) return false;
    const headerBytes = length - segmenter.pendingBytes;
    const firstBytes = headerBytes + Math.min(segmentBytes, segmenter.pendingBytes);
    if (firstBytes > mtu) {
      segmenter.abandon();
      return false;
    }
    commitPacket(packets, at, segmenter.next(memory, at));
    counters.read += 1;
    const leftInSlot = Math.min(length, room) - firstBytes;
    if (leftInSlot > 0) {
      mapped.bytes.copyWithin(restAt - leftInSlot, at + firstBytes, at + firstBytes + leftInSlot);
    }
    segmenter.movePayload(restAt - leftInSlot);
    takeSegments();
    return true;
  }

  function take(at: number, length: number): boolean {
    switch (header.segmentation) {
      case VnetSegmentation.none:
        return takeWhole(at, length);
      case VnetSegmentation.tcp4:
      case VnetSegmentation.tcp6:
      case VnetSegmentation.udp:
        return takeLarge(at, length);
      default:
        return false;
    }
  }

  /** @returns false when there is nothing to read now. */
  function readOne(): boolean {
    const at = nextSlot();
    writeVector(words32, vectorsAt, address + at - frontBytes, frontBytes + room);
    const came = calls.readv(fd, address + vectorsAt, 2);
    if (came < 0) {
      if (came !== -EAGAIN) reader.lastErrno = -came;
      return false;
    }
    const length = came - frontBytes;
    if (length <= 0) return came > 0;
    if (frontBytes > 0) readVnetHeader(mapped.bytes, at - frontBytes, header);
    if (!take(at, length)) counters.readDrops += 1;
    return true;
  }

  // No accessors: V8 would keep each such object, but for the first, as a hash table.
  const reader = {
    packets,
    lastErrno: 0,
    read(): boolean {
      packets.count = 0;
      takeSegments();
      while (packets.count < batchPackets) if (!readOne()) return false;
      return true;
    },
    release: () => mapped.release(),
  };
  return reader;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
