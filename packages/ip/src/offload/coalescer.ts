import { writeUint16 } from '../byte-order.ts';
import type { PacketBatch } from '../packet-batch.ts';
import {
  continuesHeaders,
  createFlowPacket,
  type FlowPacket,
  FlowPacketKind,
  flowChecksumsAreRight,
  flowPseudoSum,
  isSameFlow,
  readFlowPacket,
} from './flow-packet.ts';
import { foldSum, rangeSum, type SummedMemory } from './summed-memory.ts';

/** Flows that are followed at once; the packet of another closes the oldest. */
const MOST_OPEN = 8;
/** What the length field of an IP header can say, with the header itself. */
const MOST_PACKET_BYTES = 0xffff;
/** Packets of one group: its pieces are to be one vector. @see writev(2), IOV_MAX */
export const MOST_MERGED = 512;
/** A UDP socket takes no more in one piece. @see Linux, include/linux/udp.h, UDP_MAX_SEGMENTS */
const MOST_UDP_SEGMENTS = 64;
const TCP_PSH = 0x08;

/** Packets of a batch that go to the host in one piece. Reused from batch to batch. */
export interface PacketGroup {
  /** The packets of the group are `packets[start .. start + count)` of the plan. */
  start: number;
  count: number;
  /** 0 for a packet that goes as it is. */
  segmentBytes: number;
  /** Of the first packet; what stands before the payload in each of the others as well. */
  headerBytes: number;
  kind: 'plain' | 'tcp' | 'udp';
  isIpv4: boolean;
  /** From the IP header of the first packet to its TCP or UDP header. */
  transportOffset: number;
  /** Headers and payload together. */
  totalBytes: number;
}

interface OpenGroup {
  index: number;
  count: number;
  payloadBytes: number;
  isVerified: boolean;
  isPushed: boolean;
  readonly first: FlowPacket;
}

/** Options of a {@link Coalescer}. */
export interface CoalescerOptions {
  /** Most packets in a batch. */
  readonly capacity: number;
  /** Whether the host takes several UDP datagrams in one piece (Linux 6.2). */
  readonly mergesUdp: boolean;
}

/** Finds packets of a batch that the host can take in one piece: TCP data in order, and UDP datagrams of one size.
 * Only what segmentation turns back into the very same packets is merged, and only with right checksums; each flow
 * keeps its order. Nothing is copied: the pieces stay where they are, and go out as one vector.
 * @see RFC 9293 §3.1, RFC 768; Linux, Documentation/networking/segmentation-offloads.rst
 */
export class Coalescer {
  /** Groups in the order in which they are to be written; the first {@link groupCount} count. */
  readonly groups: readonly PacketGroup[];
  /** Indices into the batch, group by group. */
  readonly packets: Uint32Array;
  groupCount = 0;
  readonly #mergesUdp: boolean;
  /** For each packet of the batch its group, and where it lies in it. */
  readonly #groupOf: Uint32Array;
  readonly #open: OpenGroup[];
  #openCount = 0;
  #packet: FlowPacket = createFlowPacket();

  constructor(options: CoalescerOptions) {
    const { capacity } = options;
    this.#mergesUdp = options.mergesUdp;
    this.packets = new Uint32Array(capacity);
    this.#groupOf = new Uint32Array(capacity);
    this.groups = Array.from({ length: capacity }, createGroup);
    this.#open = Array.from({ length: MOST_OPEN }, createOpenGroup);
  }

  /** Plans a batch, and rewrites the first header of every group of several: lengths, PSH, and the sum of the
   * pseudo-header in the checksum field, as the host expects of a packet that is to be segmented.
   * @param memory - that of the batch.
   */
  plan(batch: PacketBatch, memory: SummedMemory): void {
    this.groupCount = 0;
    this.#openCount = 0;
    for (let i = 0; i < batch.count; i += 1) this.#place(batch, memory, i);
    while (this.#openCount > 0) this.#close(memory, this.#openCount - 1);
    this.#order(batch.count);
  }

  #place(batch: PacketBatch, memory: SummedMemory, index: number): void {
    const packet = this.#packet;
    const { bytes } = memory;
    readFlowPacket(bytes, batch.offsets[index] ?? 0, batch.lengths[index] ?? 0, packet);
    if (packet.kind === FlowPacketKind.other) {
      // It may be a fragment or an error about any of them: nothing that comes later goes before it.
      while (this.#openCount > 0) this.#close(memory, this.#openCount - 1);
      this.#addPlain(batch, index);
      return;
    }
    const place = this.#openOf(bytes, packet);
    if (place >= 0) {
      if (this.#append(memory, place, index)) return;
      this.#close(memory, place);
    }
    const mayGrow =
      (packet.kind === FlowPacketKind.tcp && !packet.isPushed) ||
      (packet.kind === FlowPacketKind.udp && this.#mergesUdp);
    const group = this.#addPlain(batch, index);
    if (mayGrow) this.#openGroup(memory, group);
  }

  /** The place of the open group of a packet's flow, or -1. */
  #openOf(bytes: Uint8Array, packet: FlowPacket): number {
    for (let place = this.#openCount - 1; place >= 0; place -= 1) {
      const open = this.#open[place];
      if (open && isSameFlow(bytes, open.first, packet)) return place;
    }
    return -1;
  }

  /** @returns false when the packet does not go into the group. */
  #append(memory: SummedMemory, place: number, index: number): boolean {
    const open = this.#open[place];
    const packet = this.#packet;
    if (!open || !fits(memory.bytes, open, packet)) return false;
    if (!open.isVerified) {
      if (!flowChecksumsAreRight(memory, open.first)) return false;
      open.isVerified = true;
    }
    if (!flowChecksumsAreRight(memory, packet)) return false;
    open.count += 1;
    open.payloadBytes += packet.payloadBytes;
    open.isPushed = packet.isPushed;
    this.#groupOf[index] = open.index;
    const isFull = packet.payloadBytes < open.first.payloadBytes || packet.isPushed;
    if (isFull) this.#close(memory, place);
    return true;
  }

  #addPlain(batch: PacketBatch, index: number): number {
    const group = this.groups[this.groupCount];
    if (group) {
      group.count = 1;
      group.kind = 'plain';
      group.segmentBytes = 0;
      group.headerBytes = 0;
      group.totalBytes = batch.lengths[index] ?? 0;
    }
    this.#groupOf[index] = this.groupCount;
    this.groupCount += 1;
    return this.groupCount - 1;
  }

  #openGroup(memory: SummedMemory, index: number): void {
    if (this.#openCount === MOST_OPEN) this.#close(memory, 0);
    const open = this.#open[this.#openCount];
    if (!open) return;
    open.index = index;
    open.count = 1;
    open.payloadBytes = this.#packet.payloadBytes;
    open.isVerified = false;
    open.isPushed = false;
    copyFlowPacket(this.#packet, open.first);
    this.#openCount += 1;
  }

  /** Closes a group; the places behind it move up. */
  #close(memory: SummedMemory, place: number): void {
    const open = this.#open[place];
    const group = open && this.groups[open.index];
    if (open && group && open.count > 1) finish(memory, open, group);
    const list = this.#open;
    this.#openCount -= 1;
    for (let i = place; i < this.#openCount; i += 1) {
      const next = list[i + 1];
      if (next) list[i] = next;
    }
    if (open) list[this.#openCount] = open;
  }

  /** Lists the packets group by group. */
  #order(count: number): void {
    let start = 0;
    for (let i = 0; i < this.groupCount; i += 1) {
      const group = this.groups[i];
      if (!group) continue;
      group.start = start;
      start += group.count;
      group.count = 0;
    }
    for (let i = 0; i < count; i += 1) {
      const group = this.groups[this.#groupOf[i] ?? 0];
      if (!group) continue;
      this.packets[group.start + group.count] = i;
      group.count += 1;
    }
  }
}

/** Whether a packet continues a group, by its headers and sizes. */
function fits(bytes: Uint8Array, open: OpenGroup, packet: FlowPacket): boolean {
  const { first } = open;
  if (packet.kind !== first.kind || packet.payloadBytes > first.payloadBytes) return false;
  if (open.count >= MOST_MERGED) return false;
  if (first.headerBytes + open.payloadBytes + packet.payloadBytes > MOST_PACKET_BYTES) return false;
  if (first.kind === FlowPacketKind.udp) {
    if (open.count >= MOST_UDP_SEGMENTS) return false;
  } else if ((first.sequence + open.payloadBytes) >>> 0 !== packet.sequence) {
    return false;
  }
  return continuesHeaders(bytes, first, packet, open.count);
}

/** Makes the header of the first packet that of the whole. */
function finish(memory: SummedMemory, open: OpenGroup, group: PacketGroup): void {
  const { first } = open;
  const { bytes } = memory;
  const { offset, transportOffset, headerBytes } = first;
  const totalBytes = headerBytes + open.payloadBytes;
  const transportBytes = offset + totalBytes - transportOffset;
  const isTcp = first.kind === FlowPacketKind.tcp;
  if (first.isIpv4) {
    writeUint16(bytes, offset + 2, totalBytes);
    writeUint16(bytes, offset + 10, 0);
    writeUint16(bytes, offset + 10, ~rangeSum(memory, offset, 20));
  } else {
    writeUint16(bytes, offset + 4, totalBytes - 40);
  }
  if (isTcp && open.isPushed) {
    bytes[transportOffset + 13] = (bytes[transportOffset + 13] ?? 0) | TCP_PSH;
  }
  if (!isTcp) writeUint16(bytes, transportOffset + 4, transportBytes);
  const pseudo = foldSum(flowPseudoSum(memory, first, transportBytes));
  writeUint16(bytes, transportOffset + (isTcp ? 16 : 6), pseudo);
  group.kind = isTcp ? 'tcp' : 'udp';
  group.isIpv4 = first.isIpv4;
  group.count = open.count;
  group.segmentBytes = first.payloadBytes;
  group.headerBytes = headerBytes;
  group.transportOffset = transportOffset - offset;
  group.totalBytes = totalBytes;
}

function createGroup(): PacketGroup {
  return {
    start: 0,
    count: 0,
    segmentBytes: 0,
    headerBytes: 0,
    kind: 'plain',
    isIpv4: true,
    transportOffset: 0,
    totalBytes: 0,
  };
}

function createOpenGroup(): OpenGroup {
  return {
    index: 0,
    count: 0,
    payloadBytes: 0,
    isVerified: false,
    isPushed: false,
    first: createFlowPacket(),
  };
}

function copyFlowPacket(from: FlowPacket, to: FlowPacket): void {
  to.kind = from.kind;
  to.offset = from.offset;
  to.length = from.length;
  to.isIpv4 = from.isIpv4;
  to.transportOffset = from.transportOffset;
  to.headerBytes = from.headerBytes;
  to.payloadBytes = from.payloadBytes;
  to.ports = from.ports;
  to.sequence = from.sequence;
  to.isPushed = from.isPushed;
}
