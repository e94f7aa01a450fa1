import { readUint16, readUint32 } from '../byte-order.ts';
import { foldSum, rangeSum, type SummedMemory } from './summed-memory.ts';

const TCP = 6;
const UDP = 17;
const TCP_FLAGS_THAT_MERGE = 0x58;
const TCP_ACK = 0x10;
const TCP_PSH = 0x08;

/** What a packet may be to its neighbours. */
export const FlowPacketKind = {
  /** Belongs to no flow that could be merged: another protocol, a fragment, options, or malformed. */
  other: 0,
  /** TCP with data and nothing special. */
  tcp: 1,
  /** UDP with data and a checksum. */
  udp: 2,
  /** Of a flow that could be merged, but not this packet: no data, or special flags. */
  alone: 3,
} as const;

/** A packet as {@link readFlowPacket} reads it; reused from packet to packet. */
export interface FlowPacket {
  kind: number;
  offset: number;
  /** By the IP header. */
  length: number;
  isIpv4: boolean;
  transportOffset: number;
  headerBytes: number;
  payloadBytes: number;
  /** Both ports as one number, in the order of the wire. */
  ports: number;
  /** TCP alone. */
  sequence: number;
  /** Data that wants to be delivered at once: nothing is merged behind it. */
  isPushed: boolean;
}

/** An object for {@link readFlowPacket} to fill. */
export function createFlowPacket(): FlowPacket {
  return {
    kind: FlowPacketKind.other,
    offset: 0,
    length: 0,
    isIpv4: true,
    transportOffset: 0,
    headerBytes: 0,
    payloadBytes: 0,
    ports: 0,
    sequence: 0,
    isPushed: false,
  };
}

/** Reads what decides whether a packet can be merged with its neighbours; nothing outside of it, and no checksum.
 * Only headers that segmentation puts back exactly are taken: no IPv4 options, no IPv6 extension headers, no fragments.
 */
export function readFlowPacket(
  bytes: Uint8Array,
  offset: number,
  length: number,
  packet: FlowPacket,
): void {
  packet.kind = FlowPacketKind.other;
  packet.offset = offset;
  const first = bytes[offset] ?? 0;
  let protocol: number;
  if (first === 0x45 && length >= 20) {
    packet.isIpv4 = true;
    packet.length = readUint16(bytes, offset + 2);
    packet.transportOffset = offset + 20;
    protocol = bytes[offset + 9] ?? 0;
    // The reserved bit, MF and the fragment offset.
    if ((readUint16(bytes, offset + 6) & 0xbfff) !== 0) return;
  } else if (first >> 4 === 6 && length >= 40) {
    packet.isIpv4 = false;
    packet.length = 40 + readUint16(bytes, offset + 4);
    packet.transportOffset = offset + 40;
    protocol = bytes[offset + 6] ?? 0;
  } else {
    return;
  }
  // Bytes behind the packet would end up between two pieces.
  if (packet.length !== length) return;
  const transportBytes = offset + packet.length - packet.transportOffset;
  if (protocol === TCP) readTcp(bytes, transportBytes, packet);
  else if (protocol === UDP) readUdp(bytes, transportBytes, packet);
}

function readTcp(bytes: Uint8Array, transportBytes: number, packet: FlowPacket): void {
  const tcp = packet.transportOffset;
  const tcpHeaderBytes = ((bytes[tcp + 12] ?? 0) >> 4) * 4;
  if (transportBytes < 20 || tcpHeaderBytes < 20 || tcpHeaderBytes > transportBytes) return;
  const flags = bytes[tcp + 13] ?? 0;
  packet.ports = readUint32(bytes, tcp);
  packet.sequence = readUint32(bytes, tcp + 4);
  packet.headerBytes = tcp + tcpHeaderBytes - packet.offset;
  packet.payloadBytes = transportBytes - tcpHeaderBytes;
  packet.isPushed = (flags & TCP_PSH) !== 0;
  const isPlain = (flags & TCP_ACK) !== 0 && (flags & ~TCP_FLAGS_THAT_MERGE) === 0;
  packet.kind = isPlain && packet.payloadBytes > 0 ? FlowPacketKind.tcp : FlowPacketKind.alone;
}

function readUdp(bytes: Uint8Array, transportBytes: number, packet: FlowPacket): void {
  const udp = packet.transportOffset;
  if (transportBytes < 8) return;
  packet.ports = readUint32(bytes, udp);
  packet.sequence = 0;
  packet.headerBytes = udp + 8 - packet.offset;
  packet.payloadBytes = transportBytes - 8;
  packet.isPushed = false;
  // Without a checksum segmentation would add one; with another length the datagram ends before its packet.
  const isPlain = readUint16(bytes, udp + 6) !== 0 && readUint16(bytes, udp + 4) === transportBytes;
  packet.kind = isPlain && packet.payloadBytes > 0 ? FlowPacketKind.udp : FlowPacketKind.alone;
}

/** The sum of the pseudo-header of a packet, folded. @param transportBytes - what it says about the length. */
export function flowPseudoSum(
  memory: SummedMemory,
  packet: FlowPacket,
  transportBytes: number,
): number {
  const { offset, isIpv4, kind } = packet;
  const addresses = isIpv4 ? rangeSum(memory, offset + 12, 8) : rangeSum(memory, offset + 8, 32);
  return foldSum(addresses + (kind === FlowPacketKind.udp ? UDP : TCP) + transportBytes);
}

/** Whether the checksums of a TCP or UDP packet are right, that of an IPv4 header included. */
export function flowChecksumsAreRight(memory: SummedMemory, packet: FlowPacket): boolean {
  const { offset, isIpv4, transportOffset } = packet;
  if (isIpv4 && rangeSum(memory, offset, 20) !== 0xffff) return false;
  const transportBytes = offset + packet.length - transportOffset;
  const sum = flowPseudoSum(memory, packet, transportBytes);
  return foldSum(sum + rangeSum(memory, transportOffset, transportBytes)) === 0xffff;
}

/** Whether two packets are of one flow: addresses, ports and family. Kinds are not looked at. */
export function isSameFlow(bytes: Uint8Array, a: FlowPacket, b: FlowPacket): boolean {
  if (a.ports !== b.ports || a.isIpv4 !== b.isIpv4) return false;
  const end = a.isIpv4 ? 20 : 40;
  for (let i = a.isIpv4 ? 12 : 8; i < end; i += 4) {
    if (readUint32(bytes, a.offset + i) !== readUint32(bytes, b.offset + i)) return false;
  }
  return true;
}

/** Whether `next` is what segmentation would put `steps` packets behind `first`, but for checksums and PSH: all that
 * its headers say is the same, or counts on. Both are of one flow and one kind.
 * @see RFC 6864 §4.1: the identification of a packet with DF means nothing
 */
export function continuesHeaders(
  bytes: Uint8Array,
  first: FlowPacket,
  next: FlowPacket,
  steps: number,
): boolean {
  const a = first.offset;
  const b = next.offset;
  if (first.headerBytes !== next.headerBytes) return false;
  if (first.isIpv4) {
    const fragment = readUint16(bytes, a + 6);
    if (bytes[a + 1] !== bytes[b + 1] || bytes[a + 8] !== bytes[b + 8]) return false;
    if (fragment !== readUint16(bytes, b + 6)) return false;
    const identification = (readUint16(bytes, a + 4) + steps) & 0xffff;
    if ((fragment & 0x4000) === 0 && identification !== readUint16(bytes, b + 4)) return false;
  } else if (readUint32(bytes, a) !== readUint32(bytes, b) || bytes[a + 7] !== bytes[b + 7]) {
    return false;
  }
  return first.kind === FlowPacketKind.udp || continuesTcpHeader(bytes, first, next);
}

function continuesTcpHeader(bytes: Uint8Array, first: FlowPacket, next: FlowPacket): boolean {
  const a = first.transportOffset;
  const b = next.transportOffset;
  // Acknowledgement, window and urgent pointer, then the options; timestamps that moved on are a difference.
  if (
    readUint32(bytes, a + 8) !== readUint32(bytes, b + 8) ||
    bytes[a + 12] !== bytes[b + 12] ||
    ((bytes[a + 13] ?? 0) & ~TCP_PSH) !== ((bytes[b + 13] ?? 0) & ~TCP_PSH) ||
    readUint16(bytes, a + 14) !== readUint16(bytes, b + 14) ||
    readUint16(bytes, a + 18) !== readUint16(bytes, b + 18)
  ) {
    return false;
  }
  const optionsEnd = first.offset + first.headerBytes;
  for (let i = 20; a + i < optionsEnd; i += 4) {
    if (readUint32(bytes, a + i) !== readUint32(bytes, b + i)) return false;
  }
  return true;
}
