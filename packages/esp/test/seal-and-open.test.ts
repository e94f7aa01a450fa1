import {
  type CipherSuite,
  createSeededRandom,
  Encr,
  Integ,
  KeyMaterial,
  type PacketCipher,
} from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import {
  createInboundSa,
  createOutboundSa,
  EspDrop,
  type EspLimits,
  espOverhead,
  largestInnerPacket,
  openPacket,
  sealPacket,
} from '@ipsec-kit/esp';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const providers = [createNobleProvider(), createNodeProvider()];
const suites: Readonly<Record<string, CipherSuite>> = {
  'aes-gcm': { encryption: Encr.ENCR_AES_GCM_16, keyBits: 128, integrity: Integ.NONE },
  chacha: { encryption: Encr.ENCR_CHACHA20_POLY1305, keyBits: 256, integrity: Integ.NONE },
  'aes-cbc': {
    encryption: Encr.ENCR_AES_CBC,
    keyBits: 128,
    integrity: Integ.AUTH_HMAC_SHA2_256_128,
  },
};
const cases = Object.entries(suites).flatMap(([name, suite]) =>
  providers.map((provider) => ({ name: `${name} of ${provider.name}`, suite, provider })),
);

function cipherOf({ provider, suite }: (typeof cases)[number]): PacketCipher {
  const shape = provider.cipherShape(suite);
  if (!shape) throw new Error('not provided');
  return provider.createCipher(suite, {
    encryption: new KeyMaterial(new Uint8Array(shape.encryptionKeyBytes).fill(7)),
    integrity: new KeyMaterial(new Uint8Array(shape.integrityKeyBytes).fill(8)),
  });
}

function pair(
  of: (typeof cases)[number] = gcm,
  options: {
    limits?: EspLimits;
    inboundLimits?: EspLimits;
    window?: number;
    lastSequence?: number;
  } = {},
) {
  const random = createSeededRandom('iv');
  const { limits = {}, inboundLimits = {}, window = 64, lastSequence = 0 } = options;
  return {
    out: createOutboundSa({ spi: 0x1001, cipher: cipherOf(of), random, limits, lastSequence }),
    in: createInboundSa({
      spi: 0x1001,
      cipher: cipherOf(of),
      replayWindowPackets: window,
      limits: inboundLimits,
    }),
  };
}

function caseNamed(name: string): (typeof cases)[number] {
  const found = cases.find((c) => c.name.startsWith(name));
  if (!found) throw new Error(name);
  return found;
}
const gcm = caseNamed('aes-gcm');

function sealed(sa: ReturnType<typeof createOutboundSa>, inner: Uint8Array, next = 4): Uint8Array {
  const packet = sealPacket(sa, inner, next);
  if (typeof packet === 'string') throw new Error(packet);
  return packet;
}

describe.each(cases)('ESP with $name', (of) => {
  it('opens what it sealed, for every length (RFC 4303 §2.4)', () => {
    const sas = pair(of);
    for (let length = 0; length <= 70; length += 1) {
      const inner = Uint8Array.from({ length }, (_, i) => i ^ length);
      const packet = sealed(sas.out, inner, 41);
      expect(packet.length).toBe(length + sas.out.overhead(length));
      expect(sas.out.overhead(length)).toBe(espOverhead(cipherOf(of), length));
      expect((packet.length - sas.out.headroom - cipherOf(of).icvBytes) % 4).toBe(0);
      expect(openPacket(sas.in, packet)).toEqual(inner);
      expect(sas.in.lastNextHeader).toBe(41);
    }
    expect([sas.in.packets, sas.in.bytes]).toEqual([sas.out.packets, sas.out.bytes]);
  });

  it('drops a packet with any byte changed, and the right one is still taken (RFC 4303 §3.4.4.1)', () => {
    const sas = pair(of);
    const packet = sealed(sas.out, new Uint8Array(20));
    for (let at = 0; at < packet.length; at += 1) {
      const bad = packet.slice();
      bad[at] = (bad[at] ?? 0) ^ 0x40;
      expect(openPacket(sas.in, bad)).toBe(at < 4 ? 'malformed' : 'bad-icv');
    }
    expect(openPacket(sas.in, packet)).toEqual(new Uint8Array(20));
  });

  it('works inside its head- and tailroom only', () => {
    const { out } = pair(of);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 200 }),
        fc.integer({ min: 0, max: 9 }),
        (length, shift) => {
          const total = out.headroom + length + out.tailroom;
          const memory = new Uint8Array(shift + total + 8).fill(0xa5);
          const bytes = out.seal(memory, shift + out.headroom, length, 4);
          expect(bytes).toBeLessThanOrEqual(total);
          const outside = [...memory.subarray(0, shift), ...memory.subarray(shift + bytes)];
          expect(outside.every((byte) => byte === 0xa5)).toBe(true);
        },
      ),
    );
  });

  it('tells the largest packet that fits', () => {
    const cipher = cipherOf(of);
    for (let space = 100; space < 140; space += 1) {
      const inner = largestInnerPacket(cipher, space);
      expect(inner + espOverhead(cipher, inner)).toBeLessThanOrEqual(space);
      expect(inner + 1 + espOverhead(cipher, inner + 1)).toBeGreaterThan(space);
    }
    expect(largestInnerPacket(cipher, 10)).toBe(0);
  });
});

describe('an outbound SA', () => {
  it('numbers packets from 1 and uses the number as IV of an AEAD (RFC 4106 §3.1)', () => {
    const { out } = pair();
    const first = sealed(out, new Uint8Array(4));
    const second = sealed(out, new Uint8Array(4));
    expect([...first.subarray(0, 16)]).toEqual([0, 0, 16, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect([...second.subarray(4, 16)]).toEqual([0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2]);
  });

  it('draws a fresh IV for every packet of CBC (RFC 3602 §3)', () => {
    const { out } = pair(caseNamed('aes-cbc'));
    const ivs = Array.from({ length: 200 }, () =>
      String(sealed(out, new Uint8Array(4)).subarray(8, 24)),
    );
    expect(new Set(ivs).size).toBe(200);
  });

  it('refuses a cipher with random IVs without a random source', () => {
    const cipher = cipherOf(caseNamed('aes-cbc'));
    expect(() => createOutboundSa({ spi: 1, cipher })).toThrow(/"random" expected a RandomSource/);
  });

  it('stops before its sequence number wraps (RFC 4303 §3.3.3)', () => {
    const sas = pair(gcm, { lastSequence: 0xfffffffe });
    expect(sas.out.softLimitReached).toBe(true);
    const last = sealed(sas.out, Uint8Array.of(1));
    expect([...last.subarray(4, 8)]).toEqual([255, 255, 255, 255]);
    expect(sealPacket(sas.out, Uint8Array.of(1), 4)).toBe('sequence-exhausted');
    expect(openPacket(sas.in, last)).toEqual(Uint8Array.of(1));
  });

  it('tells its soft limit and stops at the hard one', () => {
    const { out } = pair(gcm, { limits: { softPackets: 2, hardPackets: 3 } });
    const soft = [1, 2, 3].map((n) => {
      sealed(out, Uint8Array.of(n));
      return out.softLimitReached;
    });
    expect(soft).toEqual([false, true, true]);
    expect(sealPacket(out, Uint8Array.of(4), 4)).toBe('lifetime-over');
    const bytes = pair(gcm, { limits: { softBytes: 10, hardBytes: 20 } }).out;
    sealed(bytes, new Uint8Array(15));
    expect(bytes.softLimitReached).toBe(true);
    expect(sealPacket(bytes, new Uint8Array(6), 4)).toBe('lifetime-over');
    sealed(bytes, new Uint8Array(5));
  });

  it('needs room, and takes no number for a packet that it did not seal', () => {
    const { out } = pair();
    expect(out.seal(new Uint8Array(200), 0, 20, 4)).toBe(EspDrop['no-room']);
    expect(out.seal(new Uint8Array(40), 16, 20, 4)).toBe(EspDrop['no-room']);
    expect(sealed(out, new Uint8Array(4))[7]).toBe(1);
  });

  it.each([0, -1, 2 ** 32, 1.5])('refuses the SPI %d', (spi) => {
    expect(() => createOutboundSa({ spi, cipher: cipherOf(gcm) })).toThrow(/"spi" expected 1 to/);
  });

  it('refuses a limit of nothing', () => {
    expect(() => pair(gcm, { limits: { hardBytes: 0 } })).toThrow(/"limits.hardBytes" expected/);
  });
});

describe('an inbound SA', () => {
  it('drops and counts replays, whatever their order (RFC 4303 §3.4.3)', () => {
    const sas = pair();
    const packets = Array.from({ length: 100 }, (_, i) => sealed(sas.out, Uint8Array.of(i)));
    const [first, second] = packets;
    if (!first || !second) throw new Error('no packets');
    expect(openPacket(sas.in, second)).toEqual(Uint8Array.of(1));
    expect(sas.in.lastWasNewest).toBe(true);
    expect(openPacket(sas.in, first)).toEqual(Uint8Array.of(0));
    expect(sas.in.lastWasNewest).toBe(false);
    expect(openPacket(sas.in, first)).toBe('replayed');
    openPacket(sas.in, packets[99] ?? first);
    expect(openPacket(sas.in, packets[30] ?? first)).toBe('replayed');
    expect(openPacket(sas.in, packets[50] ?? first)).toEqual(Uint8Array.of(50));
    expect(sas.in.replayedPackets).toBe(2);
  });

  it('is not moved by a forged sequence number', () => {
    const sas = pair();
    const packet = sealed(sas.out, Uint8Array.of(1));
    const forged = packet.slice();
    forged.set([0xff, 0xff, 0xff, 0xff], 4);
    expect(openPacket(sas.in, forged)).toBe('bad-icv');
    expect(openPacket(sas.in, packet)).toEqual(Uint8Array.of(1));
  });

  it('takes a packet twice with replay protection off', () => {
    const sas = pair(gcm, { window: 0 });
    const packet = sealed(sas.out, Uint8Array.of(1));
    expect([openPacket(sas.in, packet), openPacket(sas.in, packet)]).toEqual([
      Uint8Array.of(1),
      Uint8Array.of(1),
    ]);
    expect(sas.in.lastWasNewest).toBe(false);
  });

  it('discards dummy packets (RFC 4303 §2.6)', () => {
    const sas = pair();
    expect(openPacket(sas.in, sealed(sas.out, new Uint8Array(40), 59))).toEqual(new Uint8Array(0));
    expect(sas.in.lastNextHeader).toBe(59);
  });

  it('drops authentic packets with wrong padding (RFC 4303 §2.4)', () => {
    const withTrailer = (...trailer: number[]): Uint8Array => {
      const cipher = cipherOf(gcm);
      const memory = new Uint8Array(16 + trailer.length + 16);
      memory.set([0, 0, 0x10, 1, 0, 0, 0, 1]);
      memory.set(trailer, 16);
      cipher.seal(memory, 0, 8, 8, 16, trailer.length);
      return memory;
    };
    expect(openPacket(pair().in, withTrailer(9, 9, 9, 9, 1, 2, 2, 4))).toEqual(
      Uint8Array.of(9, 9, 9, 9),
    );
    expect(openPacket(pair().in, withTrailer(9, 9, 9, 9, 1, 1, 2, 4))).toBe('bad-padding');
    expect(openPacket(pair().in, withTrailer(9, 9, 9, 9, 0, 0, 2, 4))).toBe('bad-padding');
    expect(openPacket(pair().in, withTrailer(9, 9, 9, 9, 1, 2, 255, 4))).toBe('bad-padding');
    expect(openPacket(pair().in, withTrailer(1, 2, 3, 4, 5, 6, 6, 4))).toEqual(new Uint8Array(0));
  });

  it('stops at its hard limit', () => {
    const sas = pair(gcm, { inboundLimits: { hardPackets: 1 } });
    openPacket(sas.in, sealed(sas.out, Uint8Array.of(1)));
    expect(openPacket(sas.in, sealed(sas.out, Uint8Array.of(2)))).toBe('lifetime-over');
  });

  it('never throws on any bytes, at any place in memory', () => {
    const sa = pair().in;
    const header = fc.constantFrom([], [0, 0, 0x10, 1]);
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 120 }), fc.nat(40), (spi, bytes, offset) => {
        const memory = new Uint8Array([...spi, ...bytes]);
        const length = Math.max(memory.length - offset, 0);
        expect(sa.open(memory, offset, length)).toBeLessThan(0);
        expect(sa.open(memory, offset, length + 1)).toBe(EspDrop.malformed);
      }),
    );
  });
});
