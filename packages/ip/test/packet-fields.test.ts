import {
  buildIcmpEcho,
  buildUdpPacket,
  createPacketFields,
  parseAddress,
  parseEndpoint,
  parseSelector,
  readPacketFields,
  selectorMatchesPacket,
  writeUint16,
} from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const udp = (local: string, remote: string, bytes = 20): Uint8Array => {
  const ends = { local: parseEndpoint(local), remote: parseEndpoint(remote) };
  if (!ends.local || !ends.remote) throw new Error('not an endpoint');
  return buildUdpPacket({ local: ends.local, remote: ends.remote }, new Uint8Array(bytes));
};

/** An IPv6 packet with the given chain of extension headers in front of 8 bytes of UDP. */
function ipv6Chain(headers: readonly { type: number; body: Uint8Array }[], last = 17): Uint8Array {
  const types = [...headers.map((h) => h.type), last];
  const chain = headers.flatMap((h, i) => [types[i + 1] ?? 0, ...h.body]);
  const packet = new Uint8Array(40 + chain.length + 8);
  packet[0] = 0x60;
  writeUint16(packet, 4, chain.length + 8);
  packet[6] = types[0] ?? 0;
  packet.set(chain, 40);
  packet.set([0x03, 0xe8, 0x07, 0xd0, 0, 8], 40 + chain.length);
  return packet;
}
const options = { type: 60, body: new Uint8Array(7) };
const fragment = (offset: number, more: boolean) => ({
  type: 44,
  body: Uint8Array.of(0, offset >> 8, offset | (more ? 1 : 0), 0, 0, 0, 1),
});

function fieldsOf(packet: Uint8Array) {
  const fields = createPacketFields();
  expect(readPacketFields(packet, 0, packet.length, fields)).toBe(true);
  return fields;
}
const readable = (packet: Uint8Array): boolean =>
  readPacketFields(packet, 0, packet.length, createPacketFields());

describe('readPacketFields', () => {
  it('reads IPv4 and its ports (RFC 791 §3.1)', () => {
    expect(fieldsOf(udp('10.0.0.1:1000', '10.0.0.2:2000'))).toEqual({
      version: 4,
      totalLength: 48,
      sourceOffset: 12,
      destinationOffset: 16,
      protocol: 17,
      payloadOffset: 20,
      payloadLength: 28,
      fragmentOffset: 0,
      moreFragments: false,
      dontFragment: true,
      hasPorts: true,
      sourcePort: 1000,
      destinationPort: 2000,
    });
  });

  it('skips IPv6 extension headers (RFC 8200 §4)', () => {
    const fields = fieldsOf(ipv6Chain([{ ...options, type: 0 }, options, fragment(0, true)]));
    expect(fields).toMatchObject({ protocol: 17, payloadOffset: 64, moreFragments: true });
    expect(fields).toMatchObject({ hasPorts: true, sourcePort: 1000, destinationPort: 2000 });
  });

  it('takes AH and ESP as next layer protocols (RFC 4301 §4.4.1.1)', () => {
    expect(fieldsOf(ipv6Chain([], 51)).protocol).toBe(51);
    expect(fieldsOf(ipv6Chain([options], 50)).protocol).toBe(50);
  });

  it('sees no ports in later fragments, and no protocol behind a header that lies in another fragment', () => {
    const later = fieldsOf(ipv6Chain([fragment(8, false)]));
    expect(later).toMatchObject({ protocol: 17, fragmentOffset: 8, hasPorts: false });
    expect(fieldsOf(ipv6Chain([fragment(8, false), options])).protocol).toBe(-1);
  });

  it('gives up on chains that are too long or cut off', () => {
    expect(fieldsOf(ipv6Chain(Array.from({ length: 16 }, () => options))).protocol).toBe(17);
    expect(fieldsOf(ipv6Chain(Array.from({ length: 17 }, () => options))).protocol).toBe(-1);
    const cut = ipv6Chain([{ type: 60, body: Uint8Array.of(9, 0, 0, 0, 0, 0, 0) }]);
    expect(fieldsOf(cut).protocol).toBe(-1);
  });

  it('reads type and code of ICMP as port (RFC 7296 §3.13.1)', () => {
    const source = parseAddress('::1');
    if (!source) throw new Error('address');
    const echo = {
      source,
      destination: source,
      identifier: 1,
      sequence: 1,
      data: new Uint8Array(),
    };
    expect(fieldsOf(buildIcmpEcho({ ...echo, kind: 'request' }))).toMatchObject({
      protocol: 58,
      sourcePort: 128 << 8,
      destinationPort: 128 << 8,
    });
  });

  it('refuses headers that contradict the bytes', () => {
    const good = udp('10.0.0.1:1', '10.0.0.2:2');
    expect(readable(good.subarray(0, 19))).toBe(false);
    expect(readable(good.subarray(0, good.length - 1))).toBe(false);
    for (const [at, value] of [
      [0, 0x44],
      [0, 0x55],
      [3, 19],
    ] as const) {
      const bad = good.slice();
      bad[at] = value;
      expect(readable(bad)).toBe(false);
    }
    const v6 = udp('[::1]:1', '[::2]:2');
    expect(readable(v6.subarray(0, 39))).toBe(false);
    expect(readable(v6.subarray(0, v6.length - 1))).toBe(false);
    expect(readPacketFields(good, 1000, 48, createPacketFields())).toBe(false);
  });

  it('ignores what lies behind the total length', () => {
    const padded = new Uint8Array(100);
    padded.set(udp('10.0.0.1:1', '10.0.0.2:2'));
    expect(fieldsOf(padded).totalLength).toBe(48);
  });

  it('never throws, and never points outside the packet', () => {
    const bytes = fc
      .tuple(fc.constantFrom(0x45, 0x4f, 0x60), fc.uint8Array({ maxLength: 200 }))
      .map(([first, rest]) => {
        const packet = Uint8Array.of(first, ...rest);
        // Lengths that fit let the rest of the reader be reached.
        if (packet.length >= 40)
          writeUint16(packet, first === 0x60 ? 4 : 2, packet.length - (first === 0x60 ? 40 : 0));
        return packet;
      });
    fc.assert(
      fc.property(bytes, (packet) => {
        const fields = createPacketFields();
        if (!readPacketFields(packet, 0, packet.length, fields)) return;
        expect(fields.totalLength).toBeLessThanOrEqual(packet.length);
        expect(fields.payloadLength).toBeGreaterThanOrEqual(0);
        expect(fields.payloadOffset + fields.payloadLength).toBe(fields.totalLength);
      }),
    );
  });
});

describe('selectorMatchesPacket (RFC 4301 §4.4.1.1)', () => {
  const matches = (text: string, packet: Uint8Array, side: 'source' | 'destination'): boolean => {
    const selector = parseSelector(text);
    if (!selector) throw new Error(text);
    return selectorMatchesPacket(selector, packet, fieldsOf(packet), side);
  };
  const packet = udp('10.1.2.3:1000', '10.9.8.7:2000');

  it.each([
    ['10.1.2.3', 'source', true],
    ['10.1.2.3', 'destination', false],
    ['10.1.2.0-10.1.2.3', 'source', true],
    ['10.1.2.4-10.1.2.9', 'source', false],
    ['10.0.255.255-10.1.3.0', 'source', true],
    ['0.0.0.0/0[udp/1000]', 'source', true],
    ['0.0.0.0/0[udp/1000]', 'destination', false],
    ['0.0.0.0/0[udp/1999-2000]', 'destination', true],
    ['0.0.0.0/0[tcp]', 'source', false],
    ['0.0.0.0/0[udp/opaque]', 'source', false],
    ['::/0', 'source', false],
  ] as const)('%s on the %s: %s', (text, side, expected) =>
    expect(matches(text, packet, side)).toBe(expected),
  );

  it('matches later fragments by any port and OPAQUE only (RFC 4301 §7)', () => {
    const later = packet.slice();
    writeUint16(later, 6, 3);
    expect(matches('10.0.0.0/8[udp/1000]', later, 'source')).toBe(false);
    expect(matches('10.0.0.0/8[udp/opaque]', later, 'source')).toBe(true);
    expect(matches('10.0.0.0/8[udp]', later, 'source')).toBe(true);
    expect(matches('10.0.0.0/8', later, 'source')).toBe(true);
  });
});
