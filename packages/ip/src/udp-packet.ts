import type { Path } from './address.ts';
import { writeUint16 } from './byte-order.ts';
import { internetChecksum, pseudoHeaderSum } from './checksum.ts';
import { writeIpHeader } from './ip-header.ts';
import { IpProtocol } from './ip-protocol.ts';

/** A whole IP packet with a UDP datagram from `path.local` to `path.remote` and real checksums: for captures and examples.
 * @throws when the ends are of different families or the packet would be longer than 65535 bytes.
 * @see RFC 768, RFC 8200 §8.1 (a checksum of 0 is sent as 65535)
 */
export function buildUdpPacket(path: Path, data: Uint8Array): Uint8Array {
  const source = path.local.address;
  const destination = path.remote.address;
  const headerBytes = source.version === 4 ? 20 : 40;
  const datagramBytes = 8 + data.length;
  if (headerBytes + datagramBytes > 65535) {
    throw new RangeError(
      `"data" expected at most ${65535 - headerBytes - 8} bytes, got ${data.length}`,
    );
  }
  const packet = new Uint8Array(headerBytes + datagramBytes);
  writeIpHeader(packet, 0, { source, destination, protocol: IpProtocol.UDP }, datagramBytes);
  writeUint16(packet, headerBytes, path.local.port);
  writeUint16(packet, headerBytes + 2, path.remote.port);
  writeUint16(packet, headerBytes + 4, datagramBytes);
  packet.set(data, headerBytes + 8);
  const sourceAt = source.version === 4 ? 12 : 8;
  const sum = pseudoHeaderSum(packet, sourceAt, source.version, IpProtocol.UDP, datagramBytes);
  const checksum = internetChecksum(packet, headerBytes, datagramBytes, sum);
  writeUint16(packet, headerBytes + 6, checksum || 0xffff);
  return packet;
}
