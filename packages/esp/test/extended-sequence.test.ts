import { createSeededRandom, Encr, Integ, KeyMaterial, type PacketCipher } from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import {
  createInboundSa,
  createOutboundSa,
  LAST_EXTENDED_SEQUENCE_NUMBER,
  openPacket,
  ReplayWindow,
  sealPacket,
} from '@ipsec-kit/esp';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const SUBSPACE = 2 ** 32;
const SPI = 0x1001;
const one = Uint8Array.of(1);

/** The pseudo-code of the appendix with its own 32-bit variables. @returns the upper half; -1 below the first one. */
function inferredByTheBook(th: number, tl: number, w: number, seql: number): number {
  const bl = (tl - w + 1) >>> 0;
  if (tl >= w - 1) return seql >= bl ? th : th + 1;
  return seql >= bl ? th - 1 : th;
}

const suites = [
  { name: 'aes-gcm', encryption: Encr.ENCR_AES_GCM_16, keyBits: 128, integrity: Integ.NONE },
  { name: 'chacha', encryption: Encr.ENCR_CHACHA20_POLY1305, keyBits: 256, integrity: Integ.NONE },
  {
    name: 'aes-gcm with implicit IV',
    encryption: Encr.ENCR_AES_GCM_16_IIV,
    keyBits: 128,
    integrity: Integ.NONE,
  },
  {
    name: 'aes-cbc with HMAC',
    encryption: Encr.ENCR_AES_CBC,
    keyBits: 128,
    integrity: Integ.AUTH_HMAC_SHA2_256_128,
  },
];
const cases = suites.flatMap((suite) =>
  [createNobleProvider(), createNodeProvider()].map((provider) => ({
    ...suite,
    name: `${suite.name} of ${provider.name}`,
    provider,
  })),
);

function cipherOf({ provider, ...suite }: (typeof cases)[number]): PacketCipher {
  const shape = provider.cipherShape(suite);
  if (!shape) throw new Error('not provided');
  return provider.createCipher(suite, {
    encryption: new KeyMaterial(new Uint8Array(shape.encryptionKeyBytes).fill(7)),
    integrity: new KeyMaterial(new Uint8Array(shape.integrityKeyBytes).fill(8)),
  });
}

const sender = (of: (typeof cases)[number], lastSequence: number, esn = true) =>
  createOutboundSa({
    spi: SPI,
    cipher: cipherOf(of),
    random: createSeededRandom('iv'),
    lastSequence,
    esn,
  });
const receiver = (of: (typeof cases)[number], replayWindowPackets = 64, esn = true) =>
  createInboundSa({ spi: SPI, cipher: cipherOf(of), replayWindowPackets, esn });

/** A packet with exactly this number. */
function numbered(of: (typeof cases)[number], sequence: number): Uint8Array {
  const packet = sealPacket(sender(of, sequence - 1), one, 4);
  if (typeof packet === 'string') throw new Error(packet);
  return packet;
}

/** Moves a receiver from 0 to a number beyond the reach of one step. */
function advance(
  of: (typeof cases)[number],
  sa: ReturnType<typeof receiver>,
  sequence: number,
): void {
  for (let at = SUBSPACE - 100; at < sequence; at += SUBSPACE - 100) {
    expect(openPacket(sa, numbered(of, at))).toEqual(one);
  }
  expect(openPacket(sa, numbered(of, sequence))).toEqual(one);
}

describe('the upper half of a sequence number (RFC 4303 Appendix A2.2)', () => {
  it.each([
    ['case A, in the window', 5, 1000, 960, 5],
    ['case A, ahead', 5, 1000, 0xffffffff, 5],
    ['case A, below: it has wrapped', 5, 1000, 936, 6],
    ['case A, at the lower edge', 5, 1000, 937, 5],
    ['case A, the window ends where the subspace does', 5, 63, 0, 5],
    ['case B, behind the wrap', 5, 10, 10, 5],
    ['case B, ahead', 5, 10, 0x80000000, 5],
    ['case B, before the wrap', 5, 10, 0xfffffff0, 4],
    ['case B, at the lower edge', 5, 10, (10 - 63) >>> 0, 4],
    ['case B, below the lower edge', 5, 10, (10 - 64) >>> 0, 5],
  ])('%s', (_, th, tl, seql, expected) => {
    const window = new ReplayWindow(64);
    window.accept(th * SUBSPACE + tl);
    expect(inferredByTheBook(th, tl, 64, seql)).toBe(expected);
    expect(window.infer(seql)).toBe(expected * SUBSPACE + seql);
  });

  it('agrees with the pseudo-code for any window and number', () => {
    const edge = fc.oneof(
      fc.integer({ min: 0, max: 0xffffffff }),
      fc.integer({ min: 0, max: 70000 }),
      fc.integer({ min: 0xffffffff - 70000, max: 0xffffffff }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 32, max: 65536 }),
        fc.integer({ min: 0, max: 100000 }),
        edge,
        edge,
        (w, th, tl, seql) => {
          const window = new ReplayWindow(w);
          window.accept(th * SUBSPACE + tl);
          const expected = inferredByTheBook(th, tl, w, seql) * SUBSPACE + seql;
          expect(window.infer(seql)).toBe(expected);
          if (expected < 0) expect(window.isNew(expected)).toBe(false);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('is found again for every number of a window that moves over the wrap, each taken once', () => {
    const jumps = fc.array(fc.integer({ min: -80, max: 90 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 32, max: 200 }), jumps, (packets, moves) => {
        const window = new ReplayWindow(packets);
        const seen = new Set([3 * SUBSPACE - 400]);
        window.accept(3 * SUBSPACE - 400);
        for (const move of moves) {
          const sequence = window.highest + move;
          const isInside = sequence > window.highest - packets;
          const inferred = window.infer(sequence % SUBSPACE);
          if (isInside) expect(inferred).toBe(sequence);
          // Below the window it is taken for one of the next subspace, and its ICV is wrong then.
          else expect(inferred).toBe(sequence + SUBSPACE);
          if (!isInside) continue;
          expect(window.isNew(sequence)).toBe(!seen.has(sequence));
          if (seen.has(sequence)) continue;
          seen.add(sequence);
          window.accept(sequence);
        }
      }),
    );
  });

  it('forgets all of a ring when it jumps over a whole subspace', () => {
    const window = new ReplayWindow(64);
    for (let sequence = 1; sequence <= 64; sequence += 1) window.accept(sequence);
    window.accept(SUBSPACE + 64);
    expect(window.isNew(SUBSPACE + 64)).toBe(false);
    for (let sequence = SUBSPACE + 1; sequence < SUBSPACE + 64; sequence += 1) {
      expect(window.isNew(sequence)).toBe(true);
    }
  });

  it('never goes to where numbers are not exact', () => {
    const window = new ReplayWindow(64);
    window.accept(LAST_EXTENDED_SEQUENCE_NUMBER);
    expect(window.isNew(window.infer(5))).toBe(false);
    expect(window.isNew(LAST_EXTENDED_SEQUENCE_NUMBER - 1)).toBe(true);
  });
});

describe.each(cases)('extended sequence numbers with $name (RFC 4303 §2.2.1)', (of) => {
  it('go on behind the wrap of the lower half, in any order, and each is taken once', () => {
    const out = sender(of, SUBSPACE - 40);
    const packets = Array.from({ length: 80 }, () => {
      const packet = sealPacket(out, one, 4);
      if (typeof packet === 'string') throw new Error(packet);
      return packet;
    });
    const sa = receiver(of, 128);
    advance(of, sa, SUBSPACE - 200);
    // Pairs change places, so that the wrap is crossed back and forth.
    const order = packets.map((_, i) => packets[i ^ 1] ?? one);
    for (const packet of order) expect(openPacket(sa, packet)).toEqual(one);
    for (const packet of order) expect(openPacket(sa, packet)).toBe('replayed');
    expect([sa.packets, sa.replayedPackets]).toEqual([81, 80]);
    expect(packets[39]?.subarray(4, 8)).toEqual(Uint8Array.of(0, 0, 0, 0));
  });

  it('bind a packet to its subspace: the same lower half in another is not authentic', () => {
    const sa = receiver(of);
    advance(of, sa, 2 * SUBSPACE + 1000);
    expect(openPacket(sa, numbered(of, SUBSPACE + 1001))).toBe('bad-icv');
    expect(openPacket(sa, numbered(of, 3 * SUBSPACE + 1001))).toBe('bad-icv');
    expect(openPacket(sa, numbered(of, 2 * SUBSPACE + 1001))).toEqual(one);
  });

  it('are not moved by a forged packet near the wrap, on either side of it', () => {
    for (const highest of [2 * SUBSPACE - 5, 2 * SUBSPACE + 5]) {
      const sa = receiver(of);
      advance(of, sa, highest);
      for (const low of [0, 1, 4, 50, 0xfffffff0, 0xfffffffe, 0x7fffffff]) {
        const forged = numbered(of, highest + 1);
        new DataView(forged.buffer, forged.byteOffset).setUint32(4, low);
        expect(['bad-icv', 'replayed']).toContain(openPacket(sa, forged));
      }
      expect(sa.packets).toBe(3);
      expect(openPacket(sa, numbered(of, highest - 20))).toEqual(one);
      expect(openPacket(sa, numbered(of, highest + 20))).toEqual(one);
      expect(sa.lastWasNewest).toBe(true);
    }
  });

  it('are another packet than one with 32 bits', () => {
    const short = sealPacket(sender(of, 4, false), one, 4);
    const long = sealPacket(sender(of, 4, true), one, 4);
    if (typeof short === 'string' || typeof long === 'string') throw new Error('not sealed');
    expect(short.length).toBe(long.length);
    expect(openPacket(receiver(of, 64, true), short)).toBe('bad-icv');
    expect(openPacket(receiver(of, 64, false), long)).toBe('bad-icv');
  });

  it('are read out of a Buffer as well, which stays as it is', () => {
    const packet = Buffer.from(numbered(of, 9));
    const before = packet.toString('hex');
    expect(openPacket(receiver(of), packet)).toEqual(one);
    expect(packet.toString('hex')).toBe(before);
    const sa = receiver(of);
    expect(sa.open(packet, 0, packet.length)).toBe(1);
  });

  it('are followed also where replays are not refused (RFC 4303 §3.3.3)', () => {
    const sa = receiver(of, 0);
    for (const sequence of [1, 2 ** 31 - 5, SUBSPACE - 9, SUBSPACE + 9, SUBSPACE - 9]) {
      expect(openPacket(sa, numbered(of, sequence))).toEqual(one);
    }
  });
});

describe('an outbound SA with extended sequence numbers', () => {
  const of = cases.find(({ name }) => name.startsWith('aes-gcm of'));
  if (!of) throw new Error('no case');

  it('uses the whole number as IV (RFC 4106 §3.1)', () => {
    const packet = numbered(of, 5 * SUBSPACE + 6);
    expect([...packet.subarray(4, 16)]).toEqual([0, 0, 0, 6, 0, 0, 0, 5, 0, 0, 0, 6]);
  });

  it('does not stop where 32 bits end, but before its numbers do (RFC 4303 §3.3.3)', () => {
    const out = sender(of, SUBSPACE - 1);
    expect([out.softLimitReached, typeof sealPacket(out, one, 4)]).toEqual([false, 'object']);
    const last = sender(of, LAST_EXTENDED_SEQUENCE_NUMBER - 1);
    expect(last.softLimitReached).toBe(true);
    expect(typeof sealPacket(last, one, 4)).toBe('object');
    expect(sealPacket(last, one, 4)).toBe('sequence-exhausted');
    expect(() => sender(of, SUBSPACE, false)).toThrow(/"lastSequence" expected 0 to 4294967295/);
  });
});

describe('an implicit IV (RFC 8750)', () => {
  it.each([false, true])('saves 8 bytes of every packet, with ESN %s', (esn) => {
    const implicit = cases.find(({ name }) => name.includes('implicit'));
    const explicit = cases.find(({ name }) => name.startsWith('aes-gcm of'));
    if (!implicit || !explicit) throw new Error('no case');
    const short = sealPacket(sender(implicit, 41, esn), one, 4);
    const long = sealPacket(sender(explicit, 41, esn), one, 4);
    if (typeof short === 'string' || typeof long === 'string') throw new Error('not sealed');
    // The explicit IV is the number as well, so that nothing else differs.
    expect(short).toEqual(Uint8Array.of(...long.subarray(0, 8), ...long.subarray(16)));
    expect(openPacket(receiver(implicit, 64, esn), short)).toEqual(one);
  });
});
