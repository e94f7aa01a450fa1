import {
  answerIcmpEcho,
  buildIcmpEcho,
  buildUdpPacket,
  createPacketFields,
  internetChecksum,
  PACKET_TOO_BIG_BYTES,
  parseAddress,
  pseudoHeaderSum,
  readIcmpEcho,
  readPacketFields,
  readUint16,
  readUint32,
  updateChecksum,
  writePacketTooBig,
  writeUint16,
} from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const address = (text: string) => {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(text);
  return parsed;
};
const families = [
  ['IPv4', '10.0.0.1', '10.0.0.2'],
  ['IPv6', '2001:db8::1', '2001:db8::2'],
] as const;
const ping = (from: string, to: string, bytes = 32) =>
  buildIcmpEcho({
    kind: 'request',
    source: address(from),
    destination: address(to),
    identifier: 7,
    sequence: 300,
    data: Uint8Array.from({ length: bytes }, (_, i) => i),
  });

describe('the internet checksum', () => {
  it('agrees with the example (RFC 1071 §3)', () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    expect(internetChecksum(bytes, 0, 8)).toBe(~0xddf2 & 0xffff);
  });

  it('pads an odd byte with zero (RFC 1071 §1)', () => {
    expect(internetChecksum(Uint8Array.of(1, 2, 3), 0, 3)).toBe(
      internetChecksum(Uint8Array.of(1, 2, 3, 0), 0, 4),
    );
  });

  it('is updated by the example of RFC 1624 §4', () => {
    expect(updateChecksum(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  it('is the same updated or computed anew (RFC 1624 §3)', () => {
    const word = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 60 }), word, (bytes, value) => {
        // All zeros has two representations of zero; a real header never is.
        const data = Uint8Array.of(0x45, 0, ...bytes);
        const before = internetChecksum(data, 0, data.length);
        const old = readUint16(data, 2);
        writeUint16(data, 2, value);
        expect(updateChecksum(before, old, value)).toBe(internetChecksum(data, 0, data.length));
      }),
    );
  });
});

describe.each(families)('an %s echo', (_, from, to) => {
  it('is answered with the same identifier, sequence and data', () => {
    const request = ping(from, to);
    const reply = readIcmpEcho(answerIcmpEcho(request) ?? new Uint8Array());
    expect(reply).toEqual({
      ...readIcmpEcho(request),
      kind: 'reply',
      source: address(to),
      destination: address(from),
    });
    expect(reply?.sequence).toBe(300);
  });

  it('is not read with any bit of the message wrong, and replies are not answered', () => {
    const request = ping(from, to);
    const header = request.length - 40;
    for (let at = header; at < request.length; at += 1) {
      const bad = request.slice();
      bad[at] = (bad[at] ?? 0) ^ 0x10;
      expect(readIcmpEcho(bad)).toBeUndefined();
    }
    const reply = answerIcmpEcho(request);
    expect(reply && answerIcmpEcho(reply)).toBeUndefined();
  });
});

describe.each(families)('an %s UDP packet', (_, from, to) => {
  it('has right lengths and checksums', () => {
    const path = {
      local: { address: address(from), port: 4500 },
      remote: { address: address(to), port: 53 },
    };
    const packet = buildUdpPacket(path, Uint8Array.of(1, 2, 3));
    const fields = createPacketFields();
    expect(readPacketFields(packet, 0, packet.length, fields)).toBe(true);
    const { payloadOffset, payloadLength, sourceOffset, version } = fields;
    expect([payloadLength, readUint16(packet, payloadOffset + 4)]).toEqual([11, 11]);
    const sum = pseudoHeaderSum(packet, sourceOffset, version, 17, payloadLength);
    expect(internetChecksum(packet, payloadOffset, payloadLength, sum)).toBe(0);
    if (version === 4) expect(internetChecksum(packet, 0, 20)).toBe(0);
  });
});

describe('writePacketTooBig', () => {
  const tooBig = (packet: Uint8Array, mtu: number, source?: string): Uint8Array => {
    const fields = createPacketFields();
    expect(readPacketFields(packet, 0, packet.length, fields)).toBe(true);
    const into = new Uint8Array(PACKET_TOO_BIG_BYTES + 8);
    const from = source === undefined ? undefined : address(source);
    return into.subarray(8, 8 + writePacketTooBig(packet, 0, fields, mtu, into, 8, from));
  };

  it('tells an IPv4 sender the MTU and quotes the packet (RFC 1191 §4)', () => {
    const packet = ping('10.0.0.1', '10.0.0.2', 1400);
    const error = tooBig(packet, 1300);
    expect(error.length).toBe(576);
    expect([error[20], error[21], readUint16(error, 26)]).toEqual([3, 4, 1300]);
    expect(error.subarray(28)).toEqual(packet.subarray(0, 548));
    expect(error.subarray(12, 20)).toEqual(Uint8Array.of(10, 0, 0, 2, 10, 0, 0, 1));
    expect(internetChecksum(error, 0, 20)).toBe(0);
    expect(internetChecksum(error, 20, 556)).toBe(0);
  });

  it('tells an IPv6 sender the MTU within the smallest MTU (RFC 4443 §3.2)', () => {
    const packet = ping('2001:db8::1', '2001:db8::2', 1400);
    const error = tooBig(packet, 1300, '2001:db8::99');
    expect(error.length).toBe(1280);
    expect([error[40], error[41], readUint32(error, 44)]).toEqual([2, 0, 1300]);
    expect(error.subarray(48)).toEqual(packet.subarray(0, 1232));
    expect(error.subarray(8, 24)).toEqual(address('2001:db8::99').bytes);
    expect(internetChecksum(error, 40, 1240, pseudoHeaderSum(error, 8, 6, 58, 1240))).toBe(0);
  });

  it('answers no ICMP error, no later fragment and no sender that is not one host (RFC 4443 §2.4, RFC 1122 §3.2.2)', () => {
    const v4 = ping('10.0.0.1', '10.0.0.2', 100);
    const v6 = ping('2001:db8::1', '2001:db8::2', 100);
    const changed = (packet: Uint8Array, at: number, ...bytes: number[]): Uint8Array => {
      const copy = packet.slice();
      copy.set(bytes, at);
      return copy;
    };
    expect(tooBig(changed(v4, 20, 3), 68).length).toBe(0);
    expect(tooBig(changed(v6, 40, 1), 68).length).toBe(0);
    expect(tooBig(changed(v4, 6, 0, 5), 68).length).toBe(0);
    expect(tooBig(changed(v4, 12, 0, 0, 0, 0), 68).length).toBe(0);
    expect(tooBig(changed(v4, 16, 224), 68).length).toBe(0);
    expect(tooBig(changed(v4, 16, 224), 68, '10.0.0.9').length).toBe(0);
    expect(tooBig(changed(v6, 24, 0xff), 68).length).toBe(0);
    expect(tooBig(changed(v6, 24, 0xff), 68, '2001:db8::99').length).toBe(48 + v6.length);
    expect(tooBig(changed(v6, 8, 0xff), 68).length).toBe(0);
  });
});
