import { addressFromBytes, type Endpoint } from '../address.ts';
import { readUint16 } from '../byte-order.ts';
import { IpProtocol } from '../ip-protocol.ts';
import { createPacketFields, type PacketFields, readPacketFields } from '../packet-fields.ts';
import type { Capture } from './capture.ts';
import { IpReassembly } from './ip-reassembly.ts';
import { ipPacketOf } from './link-layer.ts';

/** One UDP datagram of a capture. */
export interface CapturedDatagram {
  /** Number of the frame that completed it, from 1, as Wireshark counts. */
  readonly frame: number;
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** Without UDP header. */
  readonly data: Uint8Array;
}

/** The UDP datagrams of a capture, in order; IP fragments are put together. Frames of other kinds, those that
 * were cut off while capturing and malformed ones are passed over. Checksums are not verified: offloads leave them open.
 */
export function* udpPayloads(capture: Capture): Generator<CapturedDatagram, void, undefined> {
  const fields = createPacketFields();
  const reassembly = new IpReassembly();
  for (const [index, captured] of capture.packets.entries()) {
    const packet = ipPacketOf(captured);
    if (!packet || !readPacketFields(packet, 0, packet.length, fields)) continue;
    if (fields.protocol !== IpProtocol.UDP) continue;
    const isFragment = fields.moreFragments || fields.fragmentOffset !== 0;
    const udp = isFragment
      ? reassembly.add(packet, fields)
      : packet.subarray(fields.payloadOffset, fields.payloadOffset + fields.payloadLength);
    const datagram = udp && readDatagram(udp, packet, fields);
    if (datagram) yield { frame: index + 1, timestampNs: captured.timestampNs, ...datagram };
  }
}

function readDatagram(
  udp: Uint8Array,
  packet: Uint8Array,
  fields: PacketFields,
): Omit<CapturedDatagram, 'frame' | 'timestampNs'> | undefined {
  const length = udp.length < 8 ? 0 : readUint16(udp, 4);
  if (length < 8 || length > udp.length) return undefined;
  const bytes = fields.version === 4 ? 4 : 16;
  const addressAt = (at: number) => addressFromBytes(packet.subarray(at, at + bytes));
  return {
    source: { address: addressAt(fields.sourceOffset), port: readUint16(udp, 0) },
    destination: { address: addressAt(fields.destinationOffset), port: readUint16(udp, 2) },
    data: udp.subarray(8, length),
  };
}
