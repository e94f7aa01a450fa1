import {
  Coalescer,
  MOST_MERGED,
  type PacketBatch,
  type PacketGroup,
  packetsLieInside,
  summedMemory,
} from '@ipsec-kit/ip';
import { IOVEC, rawMemory, writeVector } from '@ipsec-kit/posix';
import type { TunCalls } from './file-calls.ts';
import type { TunOffloads } from './tun-queue.ts';
import type { WritableTunCounters } from './tun-reader.ts';
import {
  createVnetHeader,
  VNET_HEADER_BYTES,
  VnetSegmentation,
  writeVnetHeader,
} from './vnet-header.ts';

/** Pieces of one write: the vnet header, and those of the largest group. */
const MOST_VECTORS: number = 1 + MOST_MERGED;
/** Of the vnet headers: one of zeros, for packets that go as they are, and one that is written for each group. */
const PLAIN_AT = 0;
const GROUP_AT = 16;
const VECTORS_AT = 32;
const TCP_CHECKSUM_OFFSET = 16;
const UDP_CHECKSUM_OFFSET = 6;

/** Writes packets to a queue. */
export interface TunWriter {
  readonly lastErrno: number;
  write(batch: PacketBatch): number;
  release(): void;
}

/** What the writer knows of a batch that it was given before. */
interface KnownBatch {
  readonly batch: PacketBatch;
  readonly address: number;
  readonly memory: ReturnType<typeof summedMemory>;
  readonly coalescer: Coalescer;
}

/** Maps the memory of a writer once. Packets are written from where they lie: a large packet is its first packet, and
 * the payloads of the others, in one vector.
 */
export function createTunWriter(
  calls: TunCalls,
  fd: number,
  offloads: TunOffloads | undefined,
  counters: WritableTunCounters,
): TunWriter {
  const mapped = calls.mapMemory(VECTORS_AT + MOST_VECTORS * IOVEC.sizeBytes);
  const { words32, address } = rawMemory(mapped);
  const header = createVnetHeader();
  let known: KnownBatch | undefined;

  function knowledgeOf(batch: PacketBatch): KnownBatch {
    if (known?.batch === batch) return known;
    const mergesUdp = offloads?.udp ?? false;
    known = {
      batch,
      address: calls.addressOf(batch.memory),
      memory: summedMemory(batch.memory),
      coalescer: new Coalescer({ capacity: batch.capacity, mergesUdp }),
    };
    return known;
  }

  function setVector(index: number, at: number, length: number): void {
    writeVector(words32, VECTORS_AT + index * IOVEC.sizeBytes, at, length);
  }

  function count(result: number, packets: number): number {
    if (result >= 0) {
      counters.written += packets;
      return packets;
    }
    // A refused packet (malformed, or the device is down) is a drop, as on any link.
    writer.lastErrno = -result;
    counters.writeDrops += packets;
    return 0;
  }

  function describeGroup(group: PacketGroup): void {
    const isTcp = group.kind === 'tcp';
    const ofTcp = group.isIpv4 ? VnetSegmentation.tcp4 : VnetSegmentation.tcp6;
    header.needsChecksum = true;
    header.segmentation = isTcp ? ofTcp : VnetSegmentation.udp;
    header.segmentBytes = group.segmentBytes;
    header.checksumStart = group.transportOffset;
    header.checksumOffset = isTcp ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET;
    writeVnetHeader(mapped.bytes, GROUP_AT, header, group.headerBytes);
  }

  function writeGroup(
    batch: PacketBatch,
    base: number,
    packets: Uint32Array,
    group: PacketGroup,
  ): number {
    const isPlain = group.kind === 'plain';
    if (!isPlain) describeGroup(group);
    setVector(0, address + (isPlain ? PLAIN_AT : GROUP_AT), VNET_HEADER_BYTES);
    for (let i = 0; i < group.count; i += 1) {
      const packet = packets[group.start + i] ?? 0;
      const skipped = i === 0 ? 0 : group.headerBytes;
      const offset = (batch.offsets[packet] ?? 0) + skipped;
      setVector(1 + i, base + offset, (batch.lengths[packet] ?? 0) - skipped);
    }
    return count(calls.writev(fd, address + VECTORS_AT, 1 + group.count), group.count);
  }

  function writeMerged(batch: PacketBatch): number {
    const { coalescer, memory, address: base } = knowledgeOf(batch);
    coalescer.plan(batch, memory);
    let taken = 0;
    for (let i = 0; i < coalescer.groupCount; i += 1) {
      const group = coalescer.groups[i];
      if (group) taken += writeGroup(batch, base, coalescer.packets, group);
    }
    return taken;
  }

  function writeEach(batch: PacketBatch): number {
    const { address: base } = knowledgeOf(batch);
    let taken = 0;
    for (let i = 0; i < batch.count; i += 1) {
      const at = base + (batch.offsets[i] ?? 0);
      taken += count(calls.write(fd, at, batch.lengths[i] ?? 0), 1);
    }
    return taken;
  }

  // No accessors: see the reader.
  const writer = {
    lastErrno: 0,
    write(batch: PacketBatch): number {
      if (!packetsLieInside(batch, 0, batch.count)) {
        throw new RangeError('"batch" expected packets inside of its memory');
      }
      return offloads ? writeMerged(batch) : writeEach(batch);
    },
    release: () => mapped.release(),
  };
  return writer;
}
