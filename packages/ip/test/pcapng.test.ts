import { formatEndpoint } from '@ipsec-kit/ip';
import {
  type Capture,
  encodeEnhancedPacket,
  encodeInterface,
  encodeSectionHeader,
  ipPacketOf,
  LinkType,
  linkTypeName,
  readCapture,
  udpPayloads,
} from '@ipsec-kit/ip/pcapng';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, goldenCapture, udpPacket } from './capture-fixture.ts';

const bytes = (hex: string): Uint8Array =>
  Uint8Array.from(hex.replace(/\s/g, '').match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

/** Read with tshark 4.0.17: three frames with these times, directions, names and a comment, all checksums good. */
const golden = bytes(`
  0a0d0d0a340000004d3c2b1a01000000ffffffffffffffff0400100069707365632d6b697420c3bcf09f949100
  000000340000000100000028000000650000000000000002000300696b65000900010009000000000000002800
  0000060000005800000000000000fe9c971715cd853d1f0000001f0000004500001f0000400040114e98c00002
  01c633640101f401f4000b0bb80102030001000500666972737400000002000400020000000000000058000000
  0100000020000000650000000000000009000100090000000000000020000000060000006000000001000000fe
  9c971716cd853d3100000031000000600000000009114020010db800000000000000000000000120010db80000
  00000000000000000002119411940009823eff00000002000400010000000000000060000000060000003c0000
  0000000000fe9c9717159720791c0000001c0000004500001c0000400040114e9bc0000201c633640111941194
  0008f07f3c000000
`);

/** The same file as editcap 4.0.17 writes it in the older format, with nanoseconds. */
const goldenPcap = bytes(`
  4d3cb2a1020004000000000000000000000004006500000000f1536515cd5b071f0000001f0000004500001f00
  00400040114e98c0000201c633640101f401f4000b0bb801020300f1536516cd5b073100000031000000600000
  000009114020010db800000000000000000000000120010db8000000000000000000000002119411940009823e
  ff01f1536515cd5b071c0000001c0000004500001c0000400040114e9bc0000201c6336401119411940008f07f
`);

function capture(file: Uint8Array): Capture {
  const result = readCapture(file);
  if (!result.ok) throw new Error(result.message);
  return result.capture;
}

const datagrams = (of: Capture) =>
  [...udpPayloads(of)].map(
    ({ frame, timestampNs, source, destination, data }) =>
      `${frame} ${timestampNs} ${formatEndpoint(source)} ${formatEndpoint(destination)} ${data}`,
  );
const expected = [
  '1 1700000000123456789 192.0.2.1:500 198.51.100.1:500 1,2,3',
  '2 1700000000123456790 [2001:db8::1]:4500 [2001:db8::2]:4500 255',
  '3 1700000001123456789 192.0.2.1:4500 198.51.100.1:4500 ',
];

/** A pcapng file with one packet of the given link type. */
const withLink = (linkType: number, data: Uint8Array): Uint8Array =>
  concat([
    encodeSectionHeader(),
    encodeInterface({ linkType }),
    encodeEnhancedPacket({ timestampNs: 0n, data }),
  ]);

describe('the pcapng writer', () => {
  it('writes the file that was checked with tshark', () => {
    expect(goldenCapture()).toEqual(golden);
  });

  it('refuses a time that does not fit and a text that is too long', () => {
    const data = new Uint8Array(0);
    expect(() => encodeEnhancedPacket({ timestampNs: -1n, data })).toThrow(
      /"timestampNs" expected/,
    );
    expect(() => encodeSectionHeader('x'.repeat(65536))).toThrow(/at most 65535 bytes of text/);
  });
});

describe('readCapture', () => {
  it('reads pcapng and pcap alike', () => {
    expect(datagrams(capture(golden))).toEqual(expected);
    expect(datagrams(capture(goldenPcap))).toEqual(expected);
  });

  it('reads both byte orders and both resolutions of pcap', () => {
    const swapped = goldenPcap.slice();
    const view = new DataView(swapped.buffer);
    const from = new DataView(goldenPcap.buffer);
    const swap32 = (at: number) => view.setUint32(at, from.getUint32(at, true), false);
    for (const at of [0, 8, 12, 16, 20]) swap32(at);
    for (let at = 24; at < swapped.length; at += 16 + from.getUint32(at + 8, true)) {
      for (const field of [0, 4, 8, 12]) swap32(at + field);
    }
    expect(datagrams(capture(swapped))).toEqual(expected);
    view.setUint32(0, 0xa1b2c3d4);
    expect(capture(swapped).packets[0]?.timestampNs).toBe(
      1_700_000_000_000_000_000n + 123_456_789_000n,
    );
  });

  it('reads big-endian sections, time resolutions, offsets, simple and obsolete packets', () => {
    const u16 = (...values: number[]) => values.flatMap((v) => [v >> 8, v & 255]);
    const u32 = (...values: number[]) =>
      values.flatMap((v) => [...u16(v >>> 16), ...u16(v & 0xffff)]);
    const block = (type: number, body: number[]) =>
      Uint8Array.from([...u32(type, body.length + 12), ...body, ...u32(body.length + 12)]);
    const inner = [...udpPacket('10.0.0.1:1', '10.0.0.2:2', Uint8Array.of(1, 2, 3, 4))];
    const file = concat([
      block(0x0a0d0d0a, [...u32(0x1a2b3c4d), ...u16(1, 0), ...u32(0xffffffff, 0xffffffff)]),
      // Resolution 2^-10, offset 100 seconds.
      block(1, [
        ...u16(101, 0),
        ...u32(0),
        ...u16(9, 1),
        0x8a,
        0,
        0,
        0,
        ...u16(14, 8),
        ...u32(0, 100),
      ]),
      // A block of another kind is skipped.
      block(5, u32(0, 0, 0)),
      block(2, [...u16(0, 7), ...u32(0, 512, inner.length, inner.length), ...inner]),
      block(3, [...u32(inner.length), ...inner]),
      golden,
    ]);
    const read = capture(file);
    expect(read.fault).toBeUndefined();
    expect(read.packets.map((p) => p.timestampNs).slice(0, 2)).toEqual([100_500_000_000n, 0n]);
    expect(
      datagrams(read)
        .slice(0, 2)
        .map((line) => line.split(' ')[4]),
    ).toEqual(['1,2,3,4', '1,2,3,4']);
    expect(read.packets).toHaveLength(5);
  });

  it('gives what comes before a cut or broken place, and says where that is', () => {
    const cut = capture(golden.subarray(0, golden.length - 1));
    expect([cut.packets.length, cut.fault?.code]).toEqual([2, 'truncated']);
    expect(cut.fault?.offset).toBe(golden.length - 60);
    expect(capture(goldenPcap.subarray(0, 100)).fault).toMatchObject({
      code: 'truncated',
      offset: 71,
    });
    const bad = golden.slice();
    bad[golden.length - 4] = 61;
    expect(capture(bad).fault).toMatchObject({ code: 'malformed', offset: golden.length - 60 });
    const noInterface = concat([
      encodeSectionHeader(),
      encodeEnhancedPacket({ timestampNs: 0n, data: new Uint8Array(4) }),
    ]);
    expect(capture(noInterface).fault?.message).toBe(
      'The block at byte 28 has a packet that cannot be right.',
    );
  });

  it('says when a file is no capture', () => {
    expect(readCapture(new Uint8Array(0))).toMatchObject({ ok: false, code: 'not-a-capture' });
    expect(readCapture(new Uint8Array(500).fill(31))).toMatchObject({ ok: false });
  });

  it('never throws, whatever is in the file', () => {
    const start = fc.constantFrom(golden, goldenPcap, new Uint8Array(0));
    const changes = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(start, changes, fc.uint8Array({ maxLength: 60 }), (base, edits, tail) => {
        const file = concat([base, tail]);
        for (const [at, value] of edits) if (at < file.length) file[at] = value;
        const result = readCapture(file);
        if (!result.ok) return;
        expect(result.capture.packets.length * 12).toBeLessThanOrEqual(file.length);
        for (const datagram of udpPayloads(result.capture)) {
          expect(datagram.data.length).toBeLessThan(file.length);
        }
      }),
    );
  });

  it('round-trips any packet', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        fc.nat(65535),
        (data, timestampNs, linkType) => {
          const file = concat([
            encodeSectionHeader(),
            encodeInterface({ linkType }),
            encodeEnhancedPacket({ timestampNs, data }),
          ]);
          const read = { timestampNs, linkType, data, originalLength: data.length };
          expect(capture(file)).toEqual({ packets: [read] });
        },
      ),
    );
  });
});

describe('ipPacketOf', () => {
  const v4 = udpPacket('10.0.0.1:1', '10.0.0.2:2', Uint8Array.of(9));
  const v6 = udpPacket('[::1]:1', '[::2]:2', Uint8Array.of(9));
  const ether = (...types: number[]) => [...Array(12).fill(0), ...types];
  it.each([
    ['RAW', LinkType.RAW, [], v6],
    ['IPV4', LinkType.IPV4, [], v4],
    ['NULL', LinkType.NULL, [2, 0, 0, 0], v4],
    ['LOOP', LinkType.LOOP, [0, 0, 0, 30], v6],
    ['Ethernet', LinkType.ETHERNET, ether(0x08, 0), v4],
    [
      'Ethernet with VLANs',
      LinkType.ETHERNET,
      ether(0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x86, 0xdd),
      v6,
    ],
    ['LINUX_SLL', LinkType.LINUX_SLL, [...Array(14).fill(0), 8, 0], v4],
    ['LINUX_SLL2', LinkType.LINUX_SLL2, [0x86, 0xdd, ...Array(18).fill(0)], v6],
  ])('finds the packet behind %s', (_, linkType, header, packet) => {
    const [captured] = capture(withLink(linkType, Uint8Array.of(...header, ...packet))).packets;
    expect(captured && ipPacketOf(captured)).toEqual(packet);
  });

  it.each([
    ['ARP', LinkType.ETHERNET, ether(8, 6, 0x45)],
    [
      'too many VLANs',
      LinkType.ETHERNET,
      ether(...Array(6).fill([0x81, 0, 0, 1]).flat(), 8, 0, 0x45),
    ],
    ['a frame that is cut off', LinkType.ETHERNET, [0, 0, 0]],
    ['an unknown link', 147, [0x45]],
    ['what is no IP', LinkType.RAW, [0x15]],
  ])('finds none in %s', (_, linkType, data) => {
    const [captured] = capture(withLink(linkType, Uint8Array.from(data))).packets;
    expect(captured && ipPacketOf(captured)).toBeUndefined();
  });

  it('names link types, also unknown ones', () => {
    expect([linkTypeName(276), linkTypeName(147)]).toEqual(['LINUX_SLL2', 'link type 147']);
  });
});
