import { createHmac } from 'node:crypto';
import { type CipherSuite, Encr, Integ, KeyMaterial, type PacketCipher } from '@ipsec-kit/crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex, toHex } from './hex.ts';
import { providers } from './providers.ts';
import { aeadPackets } from './vectors/aead-packets.ts';

const HEADER_BYTES = 8;
/** In front of the packet, so that no offset is 0 by accident. */
const BEFORE = 5;

const aeads = [
  { name: 'AES-GCM', explicit: Encr.ENCR_AES_GCM_16, implicit: Encr.ENCR_AES_GCM_16_IIV },
  { name: 'AES-CCM', explicit: Encr.ENCR_AES_CCM_8, implicit: Encr.ENCR_AES_CCM_8_IIV },
  {
    name: 'ChaCha20-Poly1305',
    explicit: Encr.ENCR_CHACHA20_POLY1305,
    implicit: Encr.ENCR_CHACHA20_POLY1305_IIV,
  },
];

const headers = fc.record({
  header: fc.uint8Array({ minLength: HEADER_BYTES, maxLength: HEADER_BYTES }),
  high: fc.integer({ min: 0, max: 0xffffffff }),
  text: fc
    .uint8Array({ minLength: 16, maxLength: 64 })
    .map((all) => all.subarray(0, all.length & -16)),
});

function bigEndian(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** Memory with `aad | iv | text | room for the ICV` behind some bytes, and the arguments for it. */
function lay(cipher: PacketCipher, aad: Uint8Array, iv: Uint8Array, text: Uint8Array) {
  const memory = Uint8Array.from([
    ...new Uint8Array(BEFORE),
    ...aad,
    ...iv,
    ...text,
    ...new Uint8Array(cipher.icvBytes),
  ]);
  const textOffset = BEFORE + aad.length + iv.length;
  const args = [BEFORE, aad.length, BEFORE + aad.length, textOffset, text.length] as const;
  return { memory, textOffset, args };
}

describe.each(providers)('a packet with an extended sequence number, with $name', (provider) => {
  const keyed = (suite: CipherSuite, keyAndSalt?: Uint8Array): PacketCipher => {
    const shape = provider.cipherShape(suite);
    if (!shape) throw new Error('not provided');
    const key = keyAndSalt ?? new Uint8Array(shape.encryptionKeyBytes).fill(7);
    return provider.createCipher(suite, {
      encryption: new KeyMaterial(key),
      integrity: new KeyMaterial(new Uint8Array(shape.integrityKeyBytes).fill(8)),
    });
  };
  const aead = (encryption: number): PacketCipher =>
    keyed({
      encryption,
      keyBits: encryption === 28 || encryption === 31 ? 256 : 128,
      integrity: Integ.NONE,
    });

  it('is the one of the example, whose AAD has 12 bytes (RFC 4106 §5, draft-mcgrew-gcm-test)', () => {
    const example = aeadPackets[0];
    if (!example) throw new Error('no example');
    const { encryption, keyBits } = example;
    const cipher = keyed({ encryption, keyBits, integrity: Integ.NONE }, hex(example.keyAndSalt));
    const aad = hex(example.aad);
    const header = Uint8Array.from([...aad.subarray(0, 4), ...aad.subarray(8, 12)]);
    const { memory, textOffset, args } = lay(cipher, header, hex(example.iv), hex(example.text));
    cipher.seal(memory, ...args, 0x87654321);
    expect(toHex(memory.subarray(textOffset))).toBe(toHex(hex(example.sealed)));
    expect(cipher.open(memory.slice(), ...args, 0x87654320)).toBe(false);
    expect(cipher.open(memory.slice(), ...args)).toBe(false);
    expect(cipher.open(memory, ...args, 0x87654321)).toBe(true);
    expect(memory.subarray(textOffset, textOffset + args[4])).toEqual(hex(example.text));
  });

  it.each(aeads)(
    'of $name has the number between SPI and text (RFC 4106 §5, RFC 7634 §2.1)',
    ({ explicit }) => {
      const cipher = aead(explicit);
      fc.assert(
        fc.property(headers, ({ header, high, text }) => {
          const iv = new Uint8Array(cipher.ivBytes).fill(3);
          const whole = [...header.subarray(0, 4), ...bigEndian(high), ...header.subarray(4)];
          const expected = lay(cipher, Uint8Array.from(whole), iv, text);
          cipher.seal(expected.memory, ...expected.args);
          const ours = lay(cipher, header, iv, text);
          cipher.seal(ours.memory, ...ours.args, high);
          expect(ours.memory.subarray(ours.textOffset)).toEqual(
            expected.memory.subarray(expected.textOffset),
          );
          expect(ours.memory.subarray(BEFORE, BEFORE + 8)).toEqual(header);
          expect(cipher.open(ours.memory, ...ours.args, high)).toBe(true);
        }),
        { numRuns: 25 },
      );
    },
  );

  it.each([Encr.ENCR_AES_CBC, Encr.ENCR_AES_CTR])(
    'of cipher %d with an HMAC has the upper half behind the text, unsent (RFC 4303 §2.2.1)',
    (encryption) => {
      const cipher = keyed({ encryption, keyBits: 128, integrity: Integ.AUTH_HMAC_SHA2_256_128 });
      fc.assert(
        fc.property(headers, ({ header, high, text }) => {
          const iv = new Uint8Array(cipher.ivBytes).fill(3);
          const { memory, textOffset, args } = lay(cipher, header, iv, text);
          cipher.seal(memory, ...args, high);
          const icv = textOffset + text.length;
          const mac = createHmac('sha256', new Uint8Array(32).fill(8))
            .update(memory.subarray(BEFORE, icv))
            .update(bigEndian(high))
            .digest();
          expect(toHex(memory.subarray(icv))).toBe(toHex(mac.subarray(0, 16)));
          const sealed = memory.slice();
          expect(cipher.open(memory, ...args, (high + 1) >>> 0)).toBe(false);
          expect(memory).toEqual(sealed);
          expect(cipher.open(memory, ...args, high)).toBe(true);
          expect(memory.subarray(textOffset, icv)).toEqual(text);
          expect(memory.subarray(icv)).toEqual(sealed.subarray(icv));
        }),
        { numRuns: 25 },
      );
    },
  );

  it.each(aeads)(
    'of $name with an implicit IV is the one with that IV, without it (RFC 8750 §4)',
    ({ explicit, implicit }) => {
      const [short, long] = [aead(implicit), aead(explicit)];
      expect([short.iv, short.ivBytes, short.icvBytes]).toEqual(['implicit', 0, long.icvBytes]);
      fc.assert(
        fc.property(headers, fc.boolean(), ({ header, high, text }, isExtended) => {
          const extension = isExtended ? high : undefined;
          const iv = Uint8Array.from([...bigEndian(extension ?? 0), ...header.subarray(4)]);
          const expected = lay(long, header, iv, text);
          long.seal(expected.memory, ...expected.args, extension);
          const ours = lay(short, header, new Uint8Array(0), text);
          short.seal(ours.memory, ...ours.args, extension);
          expect(ours.memory.subarray(ours.textOffset)).toEqual(
            expected.memory.subarray(expected.textOffset),
          );
          expect(short.open(ours.memory, ...ours.args, extension)).toBe(true);
        }),
        { numRuns: 25 },
      );
    },
  );

  it('has the header of ESP as AAD, and nothing else (RFC 4303 §2)', () => {
    const text = new Uint8Array(16);
    for (const [cipher, high] of [
      [aead(Encr.ENCR_AES_GCM_16), 1],
      [aead(Encr.ENCR_AES_GCM_16_IIV), undefined],
    ] as const) {
      const { memory, args } = lay(cipher, new Uint8Array(9), new Uint8Array(cipher.ivBytes), text);
      expect(() => cipher.seal(memory, ...args, high)).toThrow(/the 8 bytes of an ESP header/);
      expect(cipher.open(memory, ...args, high)).toBe(false);
    }
  });
});
