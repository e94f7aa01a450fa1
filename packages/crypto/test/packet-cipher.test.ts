import { type CipherSuite, Encr, Integ, KeyMaterial, type PacketCipher } from '@ipsec-kit/crypto';
import { describe, expect, it } from 'vitest';
import { hex, toHex } from './hex.ts';
import { providers, suites } from './providers.ts';
import { aeadPackets } from './vectors/aead-packets.ts';
import { cmacExamples, ctrExamples, xcbcExamples } from './vectors/aes-modes.ts';
import { authenticatorCases } from './vectors/hmac-cases.ts';

const NO_KEY = new KeyMaterial(new Uint8Array(0));
const BEFORE = 3;
/** A vector's message is split into AAD and IV, so it has at least the bytes of an IV. */
const longEnough = authenticatorCases.filter(({ data }) => data.length >= 32);

/** Memory with a few bytes in front of `aad | iv | text | room for the ICV`. */
function lay(cipher: PacketCipher, aad: Uint8Array, iv: Uint8Array, text: Uint8Array) {
  const memory = Uint8Array.from([
    ...new Uint8Array(BEFORE),
    ...aad,
    ...iv,
    ...text,
    ...new Uint8Array(cipher.icvBytes),
  ]);
  const ivOffset = BEFORE + aad.length;
  const textOffset = ivOffset + iv.length;
  const args = [BEFORE, aad.length, ivOffset, textOffset, text.length] as const;
  return { memory, textOffset, args };
}

describe.each(providers.map((provider) => [provider.name, provider] as const))(
  '%s',
  (_, provider) => {
    it.each(aeadPackets)('seals and opens $name', (packet) => {
      const cipher = provider.createCipher(
        { encryption: packet.encryption, keyBits: packet.keyBits, integrity: Integ.NONE },
        { encryption: new KeyMaterial(hex(packet.keyAndSalt)), integrity: NO_KEY },
      );
      const { memory, textOffset, args } = lay(
        cipher,
        hex(packet.aad),
        hex(packet.iv),
        hex(packet.text),
      );
      const plain = memory.slice();
      cipher.seal(memory, ...args);
      expect(toHex(memory.subarray(textOffset))).toBe(toHex(hex(packet.sealed)));
      expect(cipher.open(memory, ...args)).toBe(true);
      expect(memory.subarray(0, textOffset + args[4])).toEqual(
        plain.subarray(0, textOffset + args[4]),
      );
    });

    it.each([
      {
        name: 'case 1',
        key: '06a9214036b8a15b512e03d534120006',
        iv: '3dafba429d9eb430b422da802c9fac41',
        text: Buffer.from('Single block msg').toString('hex'),
        sealed: 'e353779c1079aeb82708942dbe77181a',
      },
      {
        name: 'case 4',
        key: '56e47a38c5598974bc46903dba290349',
        iv: '8ce82eefbea0da3c44699ed7db51b7d9',
        text: `a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf
        c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf`,
        sealed: `c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e
        35907aa632c3ffdf868bb7b29d3d46ad83ce9f9a102ee99d49a53e87f4c3da55`,
      },
      {
        name: 'case 5, the text of an ESP packet',
        key: '90d382b410eeba7ad938c46cec1a82bf',
        iv: 'e96e8c08ab465763fd098d45dd3ff893',
        text: `08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f1011121314151617
        18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637
        0102030405060708090a0b0c0d0e0e01`,
        sealed: `f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4898dc856
        a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874a
        a269add047ad2d5913ac19b7cfbad4a6`,
      },
    ])('encrypts with AES-CBC (RFC 3602 §4, $name)', ({ key, iv, text, sealed }) => {
      const cipher = provider.createCipher(
        { encryption: Encr.ENCR_AES_CBC, keyBits: 128, integrity: Integ.AUTH_HMAC_SHA2_256_128 },
        {
          encryption: new KeyMaterial(hex(key)),
          integrity: new KeyMaterial(new Uint8Array(32)),
        },
      );
      const { memory, textOffset, args } = lay(cipher, new Uint8Array(8), hex(iv), hex(text));
      cipher.seal(memory, ...args);
      expect(toHex(memory.subarray(textOffset, textOffset + args[4]))).toBe(toHex(hex(sealed)));
    });

    it.each(longEnough)(
      'authenticates like $name (RFC 4868 §2.7.2)',
      ({ name, key, data, icv }) => {
        const integrity = { '2': 12, '3': 13, '5': 14 }[name.charAt(4)] ?? 0;
        const cipher = provider.createCipher(
          { encryption: Encr.ENCR_AES_CBC, keyBits: 128, integrity },
          { encryption: new KeyMaterial(new Uint8Array(16)), integrity: new KeyMaterial(hex(key)) },
        );
        const message = hex(data);
        const split = message.length - 16;
        const { memory, textOffset, args } = lay(
          cipher,
          message.subarray(0, split),
          message.subarray(split),
          new Uint8Array(0),
        );
        cipher.seal(memory, ...args);
        expect(toHex(memory.subarray(textOffset))).toBe(icv);
      },
    );

    it.each(ctrExamples)('encrypts with AES-CTR (RFC 3686 §6, $name)', (example) => {
      const cipher = provider.createCipher(
        { encryption: Encr.ENCR_AES_CTR, keyBits: example.keyBits, integrity: 12 },
        {
          encryption: new KeyMaterial(hex(example.key + example.nonce)),
          integrity: new KeyMaterial(new Uint8Array(32)),
        },
      );
      const { memory, textOffset, args } = lay(
        cipher,
        new Uint8Array(8),
        hex(example.iv),
        hex(example.text),
      );
      cipher.seal(memory, ...args);
      expect(toHex(memory.subarray(textOffset, textOffset + args[4]))).toBe(example.sealed);
    });

    it.each([
      ...xcbcExamples.map(({ name, message, mac }) => ({
        name: `AES-XCBC-MAC-96, ${name} (RFC 3566 §4.6)`,
        integrity: Integ.AUTH_AES_XCBC_96,
        key: '000102030405060708090a0b0c0d0e0f',
        message,
        icv: mac.slice(0, 24),
      })),
      ...cmacExamples.map(({ name, message, icv }) => ({
        name: `AES-CMAC-96, ${name} (RFC 4494 §5)`,
        integrity: Integ.AUTH_AES_CMAC_96,
        key: '2b7e151628aed2a6abf7158809cf4f3c',
        message,
        icv,
      })),
    ])('authenticates with $name', ({ integrity, key, message, icv }) => {
      // The message ends in an IV of CBC: what is shorter than one goes through the PRF of the same MAC.
      const bytes = hex(message);
      if (bytes.length < 16) {
        const prf = integrity === Integ.AUTH_AES_XCBC_96 ? 4 : 8;
        const output = provider.prf(prf, new KeyMaterial(hex(key)), bytes);
        expect(toHex(output).slice(0, 24)).toBe(icv);
        return;
      }
      const cipher = provider.createCipher(
        { encryption: Encr.ENCR_AES_CBC, keyBits: 128, integrity },
        { encryption: new KeyMaterial(new Uint8Array(16)), integrity: new KeyMaterial(hex(key)) },
      );
      const split = bytes.length - 16;
      const { memory, textOffset, args } = lay(
        cipher,
        bytes.subarray(0, split),
        bytes.subarray(split),
        new Uint8Array(0),
      );
      cipher.seal(memory, ...args);
      expect(toHex(memory.subarray(textOffset))).toBe(icv);
    });

    it('computes AES-XCBC-MAC over 1000 bytes of zeros (RFC 3566 §4.6, case 7)', () => {
      const key = new KeyMaterial(hex('000102030405060708090a0b0c0d0e0f'));
      expect(toHex(provider.prf(4, key, new Uint8Array(1000)))).toBe(
        'f0dafee895db30253761103b5d84528f',
      );
    });

    it('knows the sizes of its suites', () => {
      expect(provider.cipherShape({ encryption: 20, keyBits: 192, integrity: 0 })).toEqual({
        encryptionKeyBytes: 28,
        integrityKeyBytes: 0,
        ivBytes: 8,
        iv: 'counter',
        blockBytes: 1,
        icvBytes: 16,
      });
      expect(provider.cipherShape({ encryption: 12, keyBits: 256, integrity: 2 })).toEqual({
        encryptionKeyBytes: 32,
        integrityKeyBytes: 20,
        ivBytes: 16,
        iv: 'random',
        blockBytes: 16,
        icvBytes: 12,
      });
      expect(provider.cipherShape({ encryption: 28, keyBits: 256, integrity: 0 })).toMatchObject({
        encryptionKeyBytes: 36,
      });
    });

    it.each([
      { encryption: 20, keyBits: 128, integrity: 12 },
      { encryption: 12, keyBits: 128, integrity: 0 },
      { encryption: 12, keyBits: 100, integrity: 12 },
      { encryption: 28, keyBits: 128, integrity: 0 },
      { encryption: 13, keyBits: 128, integrity: 0 },
      { encryption: 14, keyBits: 128, integrity: 5 },
      { encryption: 3, keyBits: 128, integrity: 2 },
      { encryption: 12, keyBits: 128, integrity: 1 },
    ])('does not provide %o', (suite) => {
      expect(provider.cipherShape(suite)).toBeUndefined();
      const keys = { encryption: NO_KEY, integrity: NO_KEY };
      expect(() => provider.createCipher(suite, keys)).toThrow(/"suite" expected/);
    });

    it('refuses keys of another length, naming it', () => {
      const suite: CipherSuite = { encryption: 12, keyBits: 128, integrity: 12 };
      const key = (bytes: number) => new KeyMaterial(new Uint8Array(bytes));
      expect(() =>
        provider.createCipher(suite, { encryption: key(17), integrity: key(32) }),
      ).toThrow('"keys.encryption" expected 16 bytes, got 17');
      expect(() =>
        provider.createCipher(suite, { encryption: key(16), integrity: key(20) }),
      ).toThrow('"keys.integrity" expected 32 bytes, got 20');
    });

    it('outlives the erasure of its keys', () => {
      for (const suite of suites) {
        const shape = provider.cipherShape(suite);
        const make = () => ({
          encryption: new KeyMaterial(new Uint8Array(shape?.encryptionKeyBytes ?? 0).fill(7)),
          integrity: new KeyMaterial(new Uint8Array(shape?.integrityKeyBytes ?? 0).fill(9)),
        });
        const keys = make();
        const cipher = provider.createCipher(suite, keys);
        keys.encryption.erase();
        keys.integrity.erase();
        const text = new Uint8Array(48);
        const { memory, args } = lay(
          cipher,
          new Uint8Array(8),
          new Uint8Array(cipher.ivBytes),
          text,
        );
        cipher.seal(memory, ...args);
        expect(provider.createCipher(suite, make()).open(memory, ...args)).toBe(true);
      }
    });

    it.each(suites)('checks where it is told to work (%o)', (suite) => {
      const shape = provider.cipherShape(suite);
      const cipher = provider.createCipher(suite, {
        encryption: new KeyMaterial(new Uint8Array(shape?.encryptionKeyBytes ?? 0)),
        integrity: new KeyMaterial(new Uint8Array(shape?.integrityKeyBytes ?? 0)),
      });
      const iv = cipher.ivBytes;
      const memory = new Uint8Array(8 + iv + 16 + cipher.icvBytes);
      const bad: [number, number, number, number, number][] = [
        [0, 8, 8, 8 + iv, 32],
        [0, 8, 8, 9 + iv, 16],
        [-1, 8, 8, 8 + iv, 16],
        [0, Number.NaN, 8, 8 + iv, 16],
        [0, 8, memory.length, 8 + iv, 16],
        [0, 8, 8, 8 + iv, -16],
        [0, 8, 8, 8.5 + iv, 16],
      ] as const;
      for (const args of bad) {
        expect(() => cipher.seal(memory, ...args)).toThrow(/"layout" expected/);
        expect(cipher.open(memory, ...args)).toBe(false);
      }
      expect(memory).toEqual(new Uint8Array(memory.length));
    });

    it('refuses a text that is not whole blocks, and parts that are not adjacent, with AES-CBC', () => {
      const cipher = provider.createCipher(
        { encryption: 12, keyBits: 128, integrity: 12 },
        {
          encryption: new KeyMaterial(new Uint8Array(16)),
          integrity: new KeyMaterial(new Uint8Array(32)),
        },
      );
      const memory = new Uint8Array(200);
      expect(() => cipher.seal(memory, 0, 8, 8, 24, 17)).toThrow('multiple of blockBytes');
      expect(() => cipher.seal(memory, 0, 8, 9, 25, 16)).toThrow('not adjacent');
      expect(() => cipher.seal(memory, 0, 8, 8, 25, 16)).toThrow('not adjacent');
      expect(cipher.open(memory, 0, 8, 8, 24, 17)).toBe(false);
      expect(cipher.open(memory, 0, 8, 9, 25, 16)).toBe(false);
    });

    it('leaves the text of an AEAD packet with a wrong ICV unread', () => {
      const suite: CipherSuite = { encryption: 20, keyBits: 128, integrity: 0 };
      const cipher = provider.createCipher(suite, {
        encryption: new KeyMaterial(new Uint8Array(20)),
        integrity: NO_KEY,
      });
      const { memory, args } = lay(
        cipher,
        new Uint8Array(8),
        new Uint8Array(8),
        new Uint8Array(40),
      );
      cipher.seal(memory, ...args);
      memory[memory.length - 1] = (memory.at(-1) ?? 0) ^ 1;
      const before = memory.slice();
      expect(cipher.open(memory, ...args)).toBe(false);
      expect(memory).toEqual(before);
    });
  },
);
