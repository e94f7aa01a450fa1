import {
  addressFromBytes,
  clampTcpMss,
  internetChecksum,
  parseAddress,
  pseudoHeaderSum,
  readUint16,
  writeIpHeader,
  writeUint16,
} from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const v4 = parseAddress('10.0.0.1') ?? addressFromBytes(new Uint8Array(4));
const v6 = parseAddress('2001:db8::1') ?? addressFromBytes(new Uint8Array(16));

/** A TCP packet with the given flags and options, checksum and all. */
function tcp(version: 4 | 6, flags: number, options: readonly number[]): Uint8Array {
  const ip = version === 4 ? 20 : 40;
  const address = version === 4 ? v4 : v6;
  const bytes = 20 + Math.ceil(options.length / 4) * 4;
  const packet = new Uint8Array(ip + bytes);
  writeIpHeader(packet, 0, { source: address, destination: address, protocol: 6 }, bytes);
  writeUint16(packet, ip, 40000);
  writeUint16(packet, ip + 2, 443);
  packet[ip + 12] = (bytes / 4) << 4;
  packet[ip + 13] = flags;
  packet.set(options, ip + 20);
  writeUint16(packet, ip + 16, tcpChecksum(packet));
  return packet;
}

function tcpChecksum(packet: Uint8Array): number {
  const [version, ip] = packet[0] === 0x45 ? ([4, 20] as const) : ([6, 40] as const);
  const sum = pseudoHeaderSum(packet, version === 4 ? 12 : 8, version, 6, packet.length - ip);
  return internetChecksum(packet, ip, packet.length - ip, sum);
}

const mss1460 = [2, 4, 1460 >> 8, 1460 & 0xff];

describe('clampTcpMss', () => {
  it.each([
    ['a SYN', 4, 0x02, mss1460, 22, 1340],
    ['a SYN-ACK', 4, 0x12, mss1460, 22, 1340],
    ['IPv6', 6, 0x02, mss1460, 42, 1320],
    ['an option behind others', 4, 0x02, [4, 2, 3, 3, 7, 1, ...mss1460], 28, 1340],
    ['an option at an odd offset', 6, 0x02, [1, ...mss1460, 0], 43, 1320],
  ] as const)(
    'lowers the MSS of %s and keeps the checksum right',
    (_, version, flags, options, at, expected) => {
      const packet = tcp(version, flags, options);
      expect(clampTcpMss(packet, 0, packet.length, 1380)).toBe(true);
      expect(readUint16(packet, at + (version === 4 ? 20 : 20))).toBe(expected);
      expect(tcpChecksum(packet)).toBe(0);
      expect(clampTcpMss(packet, 0, packet.length, 1380)).toBe(false);
    },
  );

  it.each([
    ['no SYN', tcp(4, 0x10, mss1460)],
    ['an MSS that fits', tcp(4, 0x02, [2, 4, 2, 0])],
    ['no MSS option', tcp(4, 0x02, [4, 2, 1, 1])],
    ['an end of options in front', tcp(4, 0x02, [0, 0, 0, 0, ...mss1460])],
    ['an option with length 0', tcp(4, 0x02, [3, 0, ...mss1460])],
    ['an option with length 1', tcp(4, 0x02, [3, 1, ...mss1460])],
    ['an option that runs out of the header', tcp(4, 0x02, [3, 40, ...mss1460])],
    ['an MSS option of another length', tcp(4, 0x02, [2, 6, 0xff, 0xff, 0, 0])],
  ])('leaves a packet with %s alone', (_, packet) => {
    const before = packet.slice();
    expect(clampTcpMss(packet, 0, packet.length, 1380)).toBe(false);
    expect(packet).toEqual(before);
  });

  it('never changes anything but the option and the checksum, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 40 }), (options) => {
        const packet = tcp(4, 0x02, options);
        const before = packet.slice();
        clampTcpMss(packet, 0, packet.length, 68);
        const changed = packet.filter((byte, i) => byte !== before[i]).length;
        expect(changed).toBeLessThanOrEqual(4);
        expect(tcpChecksum(packet)).toBe(0);
      }),
    );
  });
});
