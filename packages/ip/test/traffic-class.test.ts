import {
  ECN_MASK,
  Ecn,
  internetChecksum,
  parseAddress,
  readTrafficClass,
  writeIpHeader,
  writeTrafficClass,
} from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

function header(version: 4 | 6): Uint8Array {
  const [source, destination] = (
    version === 4 ? ['192.0.2.1', '198.51.100.2'] : ['2001:db8::1', '2001:db8::2']
  ).map(parseAddress);
  if (!source || !destination) throw new Error('not addresses');
  const packet = new Uint8Array(48).fill(0xff);
  writeIpHeader(packet, 4, { source, destination, protocol: 17 }, 0);
  return packet;
}

describe.each([4, 6] as const)('the traffic class of IPv%d', (version) => {
  it('is written and read, and nothing else changes (RFC 791 §3.1, RFC 8200 §7)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }), (a, b) => {
        const packet = header(version);
        for (const trafficClass of [a, b]) {
          writeTrafficClass(packet, 4, version, trafficClass);
          expect(readTrafficClass(packet, 4, version)).toBe(trafficClass);
          if (version === 4) expect(internetChecksum(packet, 4, 20)).toBe(0);
        }
        writeTrafficClass(packet, 4, version, 0);
        expect(packet).toEqual(header(version));
      }),
    );
  });

  it('leaves the flow label alone (RFC 8200 §6)', () => {
    const packet = header(6);
    packet.set([0x6a, 0xbc, 0xde, 0xf1], 4);
    expect(readTrafficClass(packet, 4, 6)).toBe(0xab);
    writeTrafficClass(packet, 4, 6, 0x12);
    expect([...packet.subarray(4, 8)]).toEqual([0x61, 0x2c, 0xde, 0xf1]);
  });
});

it('ECN has the code points of the registry (RFC 3168 §5)', () => {
  expect(Object.values(Ecn).map((code) => code & ECN_MASK)).toEqual([0b00, 0b01, 0b10, 0b11]);
});
