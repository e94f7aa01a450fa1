import { readUint16, readUint32 } from './byte-order.ts';
import { IpProtocol, isIcmpProtocol, protocolHasPorts } from './ip-protocol.ts';

/** What a packet says about itself, read once by {@link readPacketFields} into an object that is reused.
 * Offsets are into the memory that the packet lies in.
 */
export interface PacketFields {
  version: 4 | 6;
  /** Length by the IP header; at most the bytes that are there. */
  totalLength: number;
  sourceOffset: number;
  destinationOffset: number;
  /** The next layer protocol behind IPv6 extension headers, or -1 when a fragment or a broken chain hides it. */
  protocol: number;
  /** Where the next layer begins. */
  payloadOffset: number;
  /** Bytes of the next layer in this packet. */
  payloadLength: number;
  /** In bytes; not 0 in later fragments. */
  fragmentOffset: number;
  moreFragments: boolean;
  /** IPv4's DF bit; always true for IPv6, which routers do not fragment. */
  dontFragment: boolean;
  /** Whether ports, or an ICMP type and code, or a mobility header type, were there to read. */
  hasPorts: boolean;
  /** For ICMP type and code, for a mobility header its type and 0, as selectors compare them. @see RFC 7296 §3.13.1 */
  sourcePort: number;
  /** The same number as `sourcePort` for ICMP and mobility headers. */
  destinationPort: number;
}

/** Most IPv6 extension headers that are followed; a longer chain counts as hidden. */
export const MAX_EXTENSION_HEADERS = 16;

/** An object for {@link readPacketFields} to fill. */
export function createPacketFields(): PacketFields {
  return {
    version: 4,
    totalLength: 0,
    sourceOffset: 0,
    destinationOffset: 0,
    protocol: -1,
    payloadOffset: 0,
    payloadLength: 0,
    fragmentOffset: 0,
    moreFragments: false,
    dontFragment: false,
    hasPorts: false,
    sourcePort: 0,
    destinationPort: 0,
  };
}

/** Reads an IPv4 or IPv6 packet at `memory[offset .. offset + length)` into `fields`; allocates nothing and reads
 * nothing outside. Bytes behind the total length of the header are ignored. IPv4's header checksum is not verified.
 * @returns false, with `fields` undefined, when the header is malformed or longer than the bytes.
 * @see RFC 791 §3.1, RFC 8200 §3 and §4
 */
export function readPacketFields(
  memory: Uint8Array,
  offset: number,
  length: number,
  fields: PacketFields,
): boolean {
  if (length < 20 || offset + length > memory.length) return false;
  const version = (memory[offset] ?? 0) >> 4;
  const readable =
    version === 4
      ? readIpv4(memory, offset, length, fields)
      : version === 6 && readIpv6(memory, offset, length, fields);
  if (readable) readPorts(memory, fields);
  return readable;
}

/** The version nibble of the packet at `offset`: 4, 6 or whatever is there. */
export function packetVersion(memory: Uint8Array, offset: number): number {
  return (memory[offset] ?? 0) >> 4;
}

function readIpv4(
  memory: Uint8Array,
  offset: number,
  length: number,
  fields: PacketFields,
): boolean {
  const headerBytes = ((memory[offset] ?? 0) & 15) * 4;
  const totalLength = readUint16(memory, offset + 2);
  if (headerBytes < 20 || totalLength < headerBytes || totalLength > length) return false;
  const fragment = readUint16(memory, offset + 6);
  fields.version = 4;
  fields.totalLength = totalLength;
  fields.sourceOffset = offset + 12;
  fields.destinationOffset = offset + 16;
  fields.protocol = memory[offset + 9] ?? 0;
  fields.payloadOffset = offset + headerBytes;
  fields.payloadLength = totalLength - headerBytes;
  fields.fragmentOffset = (fragment & 0x1fff) * 8;
  fields.moreFragments = (fragment & 0x2000) !== 0;
  fields.dontFragment = (fragment & 0x4000) !== 0;
  return true;
}

function readIpv6(
  memory: Uint8Array,
  offset: number,
  length: number,
  fields: PacketFields,
): boolean {
  const totalLength = 40 + readUint16(memory, offset + 4);
  // A payload length of 0 is a jumbogram (RFC 2675), which no tunnel carries, or a bare header.
  if (length < 40 || totalLength > length) return false;
  fields.version = 6;
  fields.totalLength = totalLength;
  fields.sourceOffset = offset + 8;
  fields.destinationOffset = offset + 24;
  fields.fragmentOffset = 0;
  fields.moreFragments = false;
  fields.dontFragment = true;
  skipExtensionHeaders(memory, offset, fields);
  return true;
}

/** Finds the next layer protocol. AH and ESP are not skipped: selectors treat them as next layer protocols.
 * @see RFC 4301 §4.4.1.1
 */
function skipExtensionHeaders(memory: Uint8Array, offset: number, fields: PacketFields): void {
  const end = offset + fields.totalLength;
  let next = memory[offset + 6] ?? 0;
  let at = offset + 40;
  for (let skipped = 0; isSkippedHeader(next); skipped += 1) {
    const bytes = next === IpProtocol['IPv6-Frag'] ? 8 : ((memory[at + 1] ?? 0) + 1) * 8;
    if (skipped === MAX_EXTENSION_HEADERS || at + 8 > end || at + bytes > end) {
      next = -1;
      break;
    }
    const following = memory[at] ?? 0;
    if (next === IpProtocol['IPv6-Frag']) {
      const fragment = readUint16(memory, at + 2);
      fields.fragmentOffset = fragment & 0xfff8;
      fields.moreFragments = (fragment & 1) !== 0;
      at += 8;
      if (fields.fragmentOffset !== 0) {
        // What follows is data from the middle; only a next layer protocol named here is known.
        next = isSkippedHeader(following) ? -1 : following;
        break;
      }
    } else {
      at += bytes;
    }
    next = following;
  }
  fields.protocol = next;
  fields.payloadOffset = at;
  fields.payloadLength = end - at;
}

function isSkippedHeader(next: number): boolean {
  return (
    next === IpProtocol.HOPOPT ||
    next === IpProtocol['IPv6-Route'] ||
    next === IpProtocol['IPv6-Frag'] ||
    next === IpProtocol['IPv6-Opts']
  );
}

function readPorts(memory: Uint8Array, fields: PacketFields): void {
  const { protocol, payloadOffset, payloadLength } = fields;
  fields.hasPorts = false;
  fields.sourcePort = 0;
  fields.destinationPort = 0;
  if (fields.fragmentOffset !== 0) return;
  if (protocolHasPorts(protocol) && payloadLength >= 4) {
    const ports = readUint32(memory, payloadOffset);
    fields.hasPorts = true;
    fields.sourcePort = ports >>> 16;
    fields.destinationPort = ports & 0xffff;
  } else if (isIcmpProtocol(protocol) && payloadLength >= 2) {
    fields.hasPorts = true;
    fields.sourcePort = readUint16(memory, payloadOffset);
    fields.destinationPort = fields.sourcePort;
  } else if (protocol === IpProtocol['Mobility Header'] && payloadLength >= 3) {
    fields.hasPorts = true;
    fields.sourcePort = (memory[payloadOffset + 2] ?? 0) << 8;
    fields.destinationPort = fields.sourcePort;
  }
}
