import { type IpAddress, isMulticast, isUnspecified } from './address.ts';
import { readUint16, writeUint16, writeUint32 } from './byte-order.ts';
import { internetChecksum, pseudoHeaderSum, writeIpv4HeaderChecksum } from './checksum.ts';
import { IpProtocol } from './ip-protocol.ts';
import type { PacketFields } from './packet-fields.ts';

/** Bytes that {@link writePacketTooBig} may write: the smallest IPv6 MTU. */
export const PACKET_TOO_BIG_BYTES = 1280;

/** Most bytes of an ICMPv4 error. @see RFC 1812 §4.3.2.3 */
const ICMPV4_ERROR_BYTES = 576;

/** Writes the ICMP error that tells the sender of a packet to send smaller ones: ICMPv4 fragmentation needed or
 * ICMPv6 packet too big, quoting as much of the packet as the protocol allows; allocates nothing.
 * The error comes from `source`, or, without one, from the destination of the packet: a tunnel has no address of its own,
 * and that one is routed into the tunnel, so that the sender's reverse path filter accepts it.
 * @param fields - of the packet, by `readPacketFields`.
 * @param packetOffset - where the packet begins in `memory`.
 * @param into - receives the error at `intoOffset`; {@link PACKET_TOO_BIG_BYTES} must be free there.
 * @returns the length of the error, or 0 when none may be sent: to an ICMP error or redirect, to a later
 * fragment, to a packet from an address that is not one host's.
 * @see RFC 792, RFC 1191 §4, RFC 1122 §3.2.2, RFC 4443 §2.4 (e) and §3.2
 */
export function writePacketTooBig(
  memory: Uint8Array,
  packetOffset: number,
  fields: PacketFields,
  mtu: number,
  into: Uint8Array,
  intoOffset: number,
  source?: IpAddress,
): number {
  if (intoOffset + PACKET_TOO_BIG_BYTES > into.length || !mayBeAnswered(memory, fields, source)) {
    return 0;
  }
  return fields.version === 4
    ? writeFragmentationNeeded(memory, packetOffset, fields, mtu, into, intoOffset, source)
    : writeIcmpv6PacketTooBig(memory, packetOffset, fields, mtu, into, intoOffset, source);
}

function writeFragmentationNeeded(
  memory: Uint8Array,
  packetOffset: number,
  fields: PacketFields,
  mtu: number,
  into: Uint8Array,
  at: number,
  source: IpAddress | undefined,
): number {
  const quoted = Math.min(fields.totalLength, ICMPV4_ERROR_BYTES - 28);
  const total = 28 + quoted;
  into.fill(0, at, at + 28);
  into[at] = 0x45;
  // Precedence of internetwork control. RFC 1812 §4.3.2.5
  into[at + 1] = 0xc0;
  writeUint16(into, at + 2, total);
  into[at + 8] = 64;
  into[at + 9] = IpProtocol.ICMP;
  copyBytes(memory, fields.destinationOffset, into, at + 12, 4);
  if (source?.version === 4) into.set(source.bytes, at + 12);
  copyBytes(memory, fields.sourceOffset, into, at + 16, 4);
  writeIpv4HeaderChecksum(into, at, 20);
  into[at + 20] = 3;
  into[at + 21] = 4;
  writeUint16(into, at + 26, mtu);
  copyBytes(memory, packetOffset, into, at + 28, quoted);
  writeUint16(into, at + 22, internetChecksum(into, at + 20, 8 + quoted));
  return total;
}

function writeIcmpv6PacketTooBig(
  memory: Uint8Array,
  packetOffset: number,
  fields: PacketFields,
  mtu: number,
  into: Uint8Array,
  at: number,
  source: IpAddress | undefined,
): number {
  const quoted = Math.min(fields.totalLength, PACKET_TOO_BIG_BYTES - 48);
  into.fill(0, at, at + 48);
  into[at] = 0x60;
  writeUint16(into, at + 4, 8 + quoted);
  into[at + 6] = IpProtocol['IPv6-ICMP'];
  into[at + 7] = 64;
  copyBytes(memory, fields.destinationOffset, into, at + 8, 16);
  if (source?.version === 6) into.set(source.bytes, at + 8);
  copyBytes(memory, fields.sourceOffset, into, at + 24, 16);
  into[at + 40] = 2;
  writeUint32(into, at + 44, mtu);
  copyBytes(memory, packetOffset, into, at + 48, quoted);
  const sum = pseudoHeaderSum(into, at + 8, 6, IpProtocol['IPv6-ICMP'], 8 + quoted);
  writeUint16(into, at + 42, internetChecksum(into, at + 40, 8 + quoted, sum));
  return 48 + quoted;
}

function mayBeAnswered(
  memory: Uint8Array,
  fields: PacketFields,
  source: IpAddress | undefined,
): boolean {
  if (fields.fragmentOffset !== 0 || isIcmpError(memory, fields)) return false;
  const bytes = fields.version === 4 ? 4 : 16;
  if (!isOneHost(memory, fields.sourceOffset, bytes)) return false;
  // For multicast only IPv6 has an exception, and an address of our own is needed then. RFC 4443 §2.4 (e.3)
  if (isOneHost(memory, fields.destinationOffset, bytes)) return true;
  const ownAddress = source?.version === 6 && !isUnspecified(source) && !isMulticast(source);
  return fields.version === 6 && ownAddress;
}

function isIcmpError(memory: Uint8Array, fields: PacketFields): boolean {
  const type = memory[fields.payloadOffset] ?? 0;
  if (fields.version === 6) {
    // Errors have types below 128; 137 is a redirect.
    return fields.protocol === IpProtocol['IPv6-ICMP'] && (type < 128 || type === 137);
  }
  const isError = type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
  return fields.protocol === IpProtocol.ICMP && isError;
}

/** Neither unspecified nor multicast nor, for IPv4, class E with the limited broadcast. */
function isOneHost(memory: Uint8Array, at: number, bytes: number): boolean {
  const first = memory[at] ?? 0;
  if (bytes === 4 ? first >= 224 : first === 0xff) return false;
  for (let i = 0; i < bytes; i += 2) if (readUint16(memory, at + i) !== 0) return true;
  return false;
}

function copyBytes(
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  bytes: number,
): void {
  for (let i = 0; i < bytes; i += 1) to[toAt + i] = from[fromAt + i] ?? 0;
}
