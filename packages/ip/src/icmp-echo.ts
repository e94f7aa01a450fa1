import { addressFromBytes, type IpAddress } from './address.ts';
import { readUint16, writeUint16 } from './byte-order.ts';
import { internetChecksum, pseudoHeaderSum } from './checksum.ts';
import { writeIpHeader } from './ip-header.ts';
import { IpProtocol } from './ip-protocol.ts';
import { createPacketFields, readPacketFields } from './packet-fields.ts';

/** An echo request or reply: what `ping` sends and gets. @see RFC 792, RFC 4443 §4 */
export interface IcmpEcho {
  readonly kind: 'request' | 'reply';
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly identifier: number;
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** A whole IP packet with an echo message and real checksums; IPv4 or IPv6 by the family of the addresses.
 * @throws when the addresses are of different families or the packet would be longer than 65535 bytes.
 */
export function buildIcmpEcho(echo: IcmpEcho): Uint8Array {
  const { kind, source, destination, data } = echo;
  const { version } = source;
  const headerBytes = version === 4 ? 20 : 40;
  const messageBytes = 8 + data.length;
  if (headerBytes + messageBytes > 65535) {
    throw new RangeError(
      `"data" expected at most ${65535 - headerBytes - 8} bytes, got ${data.length}`,
    );
  }
  const packet = new Uint8Array(headerBytes + messageBytes);
  const protocol = version === 4 ? IpProtocol.ICMP : IpProtocol['IPv6-ICMP'];
  writeIpHeader(packet, 0, { source, destination, protocol }, messageBytes);
  packet[headerBytes] = echoType(version, kind);
  writeUint16(packet, headerBytes + 4, echo.identifier);
  writeUint16(packet, headerBytes + 6, echo.sequence);
  packet.set(data, headerBytes + 8);
  const sum = version === 4 ? 0 : pseudoHeaderSum(packet, 8, 6, protocol, messageBytes);
  writeUint16(packet, headerBytes + 2, internetChecksum(packet, headerBytes, messageBytes, sum));
  return packet;
}

/** Reads a packet that is an unfragmented echo message with a right checksum.
 * @param packet - a whole IP packet; `data` of the result is a view into it.
 * @returns `undefined` for anything else.
 */
export function readIcmpEcho(packet: Uint8Array): IcmpEcho | undefined {
  const fields = createPacketFields();
  if (!readPacketFields(packet, 0, packet.length, fields)) return undefined;
  const { version, payloadOffset: at, payloadLength, sourceOffset, destinationOffset } = fields;
  const protocol = version === 4 ? IpProtocol.ICMP : IpProtocol['IPv6-ICMP'];
  if (fields.protocol !== protocol || payloadLength < 8) return undefined;
  if (fields.moreFragments || fields.fragmentOffset !== 0) return undefined;
  const kind = (['request', 'reply'] as const).find((k) => packet[at] === echoType(version, k));
  if (!kind || packet[at + 1] !== 0) return undefined;
  const sum = version === 4 ? 0 : pseudoHeaderSum(packet, sourceOffset, 6, protocol, payloadLength);
  if (internetChecksum(packet, at, payloadLength, sum) !== 0) return undefined;
  const addressBytes = version === 4 ? 4 : 16;
  return {
    kind,
    source: addressFromBytes(packet.subarray(sourceOffset, sourceOffset + addressBytes)),
    destination: addressFromBytes(
      packet.subarray(destinationOffset, destinationOffset + addressBytes),
    ),
    identifier: readUint16(packet, at + 4),
    sequence: readUint16(packet, at + 6),
    data: packet.subarray(at + 8, at + payloadLength),
  };
}

/** The reply to an echo request, or `undefined` when `packet` is not one. */
export function answerIcmpEcho(packet: Uint8Array): Uint8Array | undefined {
  const echo = readIcmpEcho(packet);
  if (echo?.kind !== 'request') return undefined;
  const { source, destination } = echo;
  return buildIcmpEcho({ ...echo, kind: 'reply', source: destination, destination: source });
}

function echoType(version: 4 | 6, kind: IcmpEcho['kind']): number {
  if (version === 4) return kind === 'request' ? 8 : 0;
  return kind === 'request' ? 128 : 129;
}
