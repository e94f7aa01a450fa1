import fc from 'fast-check';
import {
  checksumOfSum,
  internetChecksum,
  pseudoHeaderSum,
  writeUint16,
  writeUint32,
} from '../../src/index.ts';

/** All that the tests vary about a TCP or UDP packet. */
export interface PlainPacket {
  readonly protocol: 'tcp' | 'udp';
  readonly version: 4 | 6;
  readonly host: number;
  readonly port: number;
  readonly trafficClass: number;
  readonly hopLimit: number;
  readonly identification: number;
  readonly dontFragment: boolean;
  /** IPv6 extension headers, in units of 8 bytes; IPv4 options in units of 4. */
  readonly extension: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly window: number;
  readonly flags: number;
  /** TCP options, in units of 4 bytes. */
  readonly options: readonly number[];
  readonly payload: Uint8Array;
}

const ADDRESS_BYTES = { 4: 4, 6: 16 } as const;

/** Where the TCP or UDP header begins. */
export function transportOffsetOf({ version, extension }: PlainPacket): number {
  return version === 4 ? 20 + extension * 4 : 40 + extension * 8;
}

/** Bytes of TCP or UDP header. */
export function transportHeaderBytes({ protocol, options }: PlainPacket): number {
  return protocol === 'udp' ? 8 : 20 + options.length * 4;
}

/** Writes a packet the plain way: byte by byte, every checksum over the whole.
 * @param partial - leaves the sum of the pseudo-header in the checksum field, for a device to complete.
 */
export function writePlain(packet: PlainPacket, partial = false): Uint8Array {
  const { version, protocol, payload } = packet;
  const transport = transportOffsetOf(packet);
  const transportBytes = transportHeaderBytes(packet) + payload.length;
  const bytes = new Uint8Array(transport + transportBytes);
  const number = protocol === 'tcp' ? 6 : 17;
  const addresses = version === 4 ? 12 : 8;
  if (version === 4) writeIpv4(bytes, packet, number);
  else writeIpv6(bytes, packet, number);
  bytes.fill(10, addresses, addresses + 2 * ADDRESS_BYTES[version]);
  bytes[addresses + ADDRESS_BYTES[version] - 1] = packet.host;
  if (version === 4) writeUint16(bytes, 10, internetChecksum(bytes, 0, transport));
  writeUint16(bytes, transport, 1000);
  writeUint16(bytes, transport + 2, packet.port);
  if (protocol === 'tcp') writeTcp(bytes, transport, packet);
  else writeUint16(bytes, transport + 4, transportBytes);
  bytes.set(payload, bytes.length - payload.length);
  const field = transport + (protocol === 'tcp' ? 16 : 6);
  const pseudo = pseudoHeaderSum(bytes, addresses, version, number, transportBytes);
  const whole = internetChecksum(bytes, transport, transportBytes, pseudo);
  if (partial) writeUint16(bytes, field, ~checksumOfSum(pseudo));
  else writeUint16(bytes, field, protocol === 'udp' && whole === 0 ? 0xffff : whole);
  return bytes;
}

function writeIpv4(bytes: Uint8Array, packet: PlainPacket, protocol: number): void {
  bytes[0] = 0x45 + packet.extension;
  bytes[1] = packet.trafficClass;
  writeUint16(bytes, 2, bytes.length);
  writeUint16(bytes, 4, packet.identification);
  writeUint16(bytes, 6, packet.dontFragment ? 0x4000 : 0);
  bytes[8] = packet.hopLimit;
  bytes[9] = protocol;
  bytes.fill(1, 20, 20 + packet.extension * 4);
}

function writeIpv6(bytes: Uint8Array, packet: PlainPacket, protocol: number): void {
  writeUint16(bytes, 0, 0x6000 | (packet.trafficClass << 4));
  writeUint16(bytes, 2, packet.identification);
  writeUint16(bytes, 4, bytes.length - 40);
  bytes[6] = packet.extension === 0 ? protocol : 60;
  bytes[7] = packet.hopLimit;
  if (packet.extension === 0) return;
  // One destination options header, padded with PadN.
  bytes[40] = protocol;
  bytes[41] = packet.extension - 1;
  bytes[42] = 1;
  bytes[43] = packet.extension * 8 - 4;
}

function writeTcp(bytes: Uint8Array, tcp: number, packet: PlainPacket): void {
  writeUint32(bytes, tcp + 4, packet.sequence);
  writeUint32(bytes, tcp + 8, packet.acknowledgement);
  bytes[tcp + 12] = (5 + packet.options.length) << 4;
  bytes[tcp + 13] = packet.flags;
  writeUint16(bytes, tcp + 14, packet.window);
  packet.options.forEach((option, i) => {
    writeUint32(bytes, tcp + 20 + i * 4, option);
  });
}

/** What the wire carries of a large packet: one packet for each `segmentBytes` of payload. */
export function plainSegments(large: PlainPacket, segmentBytes: number): PlainPacket[] {
  const count = Math.ceil(large.payload.length / segmentBytes);
  return Array.from({ length: count }, (_, i) => {
    const start = i * segmentBytes;
    let { flags } = large;
    if (i < count - 1) flags &= ~0x09;
    if (i > 0) flags &= ~0x80;
    return {
      ...large,
      flags,
      identification:
        large.version === 4 ? (large.identification + i) & 0xffff : large.identification,
      sequence: (large.sequence + start) >>> 0,
      payload: large.payload.slice(start, start + segmentBytes),
    };
  });
}

const uint = (bits: number): fc.Arbitrary<number> => fc.nat(2 ** bits - 1);

/** Random packets; payloads are random bytes of `payloadBytes`. */
export function plainPacket(payloadBytes: { min: number; max: number }): fc.Arbitrary<PlainPacket> {
  return fc.record({
    protocol: fc.constantFrom('tcp', 'udp'),
    version: fc.constantFrom(4, 6),
    host: uint(2),
    port: uint(2),
    trafficClass: uint(8),
    hopLimit: fc.integer({ min: 1, max: 255 }),
    identification: uint(16),
    dontFragment: fc.boolean(),
    extension: fc.constantFrom(0, 0, 1, 3),
    sequence: fc.oneof(
      fc.integer({ min: 2 ** 32 - 5000, max: 2 ** 32 - 1 }),
      fc.maxSafeNat().map((n) => n % 2 ** 32),
    ),
    acknowledgement: fc.maxSafeNat().map((n) => n % 2 ** 32),
    window: uint(16),
    flags: uint(8),
    options: fc.array(
      fc.maxSafeNat().map((n) => n % 2 ** 32),
      { maxLength: 10 },
    ),
    payload: fc.uint8Array({
      minLength: payloadBytes.min,
      maxLength: payloadBytes.max,
      size: 'max',
    }),
  });
}
