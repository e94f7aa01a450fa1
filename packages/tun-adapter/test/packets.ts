import {
  type IpAddress,
  internetChecksum,
  parseAddress,
  pseudoHeaderSum,
  writeIpHeader,
  writeUint16,
  writeUint32,
} from '@ipsec-kit/ip';

/** What the tests vary about a packet. */
export interface TestPacket {
  readonly version: 4 | 6;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly sequence: number;
  readonly flags: number;
  readonly identification: number;
  readonly payload: Uint8Array;
}

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`not an address: ${text}`);
  return parsed;
}

const ends = {
  4: [address('10.1.0.1'), address('10.1.0.2')],
  6: [address('fd00::1'), address('fd00::2')],
} as const;

/** A whole packet with right checksums. */
export function writePacket(packet: TestPacket): Uint8Array {
  const { version, protocol, payload } = packet;
  const [source, destination] = ends[version];
  const number = protocol === 'tcp' ? 6 : 17;
  const transportBytes = (protocol === 'tcp' ? 20 : 8) + payload.length;
  const ip = version === 4 ? 20 : 40;
  const bytes = new Uint8Array(ip + transportBytes);
  const header = { source, destination, protocol: number, identification: packet.identification };
  writeIpHeader(bytes, 0, { ...header, dontFragment: false }, transportBytes);
  writeUint16(bytes, ip, 40000);
  writeUint16(bytes, ip + 2, packet.port);
  if (protocol === 'tcp') {
    writeUint32(bytes, ip + 4, packet.sequence);
    bytes[ip + 12] = 0x50;
    bytes[ip + 13] = packet.flags;
    writeUint16(bytes, ip + 14, 500);
  } else {
    writeUint16(bytes, ip + 4, transportBytes);
  }
  bytes.set(payload, bytes.length - payload.length);
  const pseudo = pseudoHeaderSum(bytes, version === 4 ? 12 : 8, version, number, transportBytes);
  const checksum = internetChecksum(bytes, ip, transportBytes, pseudo);
  writeUint16(bytes, ip + (protocol === 'tcp' ? 16 : 6), checksum === 0 ? 0xffff : checksum);
  return bytes;
}

/** Packets of one flow that follow one another. */
export function train(
  count: number,
  payloadBytes: number,
  kind: Partial<TestPacket> = {},
): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    writePacket({
      version: 4,
      protocol: 'tcp',
      port: 80,
      flags: i === count - 1 ? 0x18 : 0x10,
      sequence: (0xffff_0000 + i * payloadBytes) >>> 0,
      identification: (i + 0xfff0) & 0xffff,
      payload: new Uint8Array(payloadBytes).map((_each, at) => at * 7 + i),
      ...kind,
    }),
  );
}
