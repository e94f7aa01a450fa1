import type { IpAddress } from './address.ts';
import { writeUint16 } from './byte-order.ts';
import { writeIpv4HeaderChecksum } from './checksum.ts';

/** Writes an IPv4 header of 20 bytes or an IPv6 header of 40 and returns its length.
 * @param payloadLength - bytes that follow the header.
 * @throws when the addresses are of different families.
 */
export function writeIpHeader(
  memory: Uint8Array,
  offset: number,
  header: {
    readonly source: IpAddress;
    readonly destination: IpAddress;
    readonly protocol: number;
    /** Default 64. */
    readonly hopLimit?: number;
    /** IPv4 only; default 0, right for packets with DF (RFC 6864 §4.1). */
    readonly identification?: number;
    /** IPv4 only; default true. */
    readonly dontFragment?: boolean;
  },
  payloadLength: number,
): number {
  const { source, destination, protocol, hopLimit = 64 } = header;
  if (source.version !== destination.version) {
    throw new TypeError(
      `"destination" expected an IPv${source.version} address as "source" is, got IPv${destination.version}`,
    );
  }
  if (source.version === 4) {
    memory.fill(0, offset, offset + 20);
    memory[offset] = 0x45;
    writeUint16(memory, offset + 2, 20 + payloadLength);
    writeUint16(memory, offset + 4, header.identification ?? 0);
    writeUint16(memory, offset + 6, (header.dontFragment ?? true) ? 0x4000 : 0);
    memory[offset + 8] = hopLimit;
    memory[offset + 9] = protocol;
    memory.set(source.bytes, offset + 12);
    memory.set(destination.bytes, offset + 16);
    writeIpv4HeaderChecksum(memory, offset, 20);
    return 20;
  }
  memory.fill(0, offset, offset + 40);
  memory[offset] = 0x60;
  writeUint16(memory, offset + 4, payloadLength);
  memory[offset + 6] = protocol;
  memory[offset + 7] = hopLimit;
  memory.set(source.bytes, offset + 8);
  memory.set(destination.bytes, offset + 24);
  return 40;
}
