import { Encr, fixedKeyBits, Integ, KeyMaterial } from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { describe, expect, it } from 'vitest';
import { hex, toHex } from './hex.ts';

const suite = { encryption: Encr.ENCR_3DES, keyBits: 192, integrity: Integ.AUTH_HMAC_SHA1_96 };

describe('ENCR_3DES (RFC 2451 §2)', () => {
  it('is not provided by noble', () => {
    expect(createNobleProvider().cipherShape(suite)).toBeUndefined();
    const keys = {
      encryption: new KeyMaterial(new Uint8Array(24)),
      integrity: new KeyMaterial(new Uint8Array(20)),
    };
    expect(() => createNobleProvider().createCipher(suite, keys)).toThrow('"suite" expected');
  });

  it('encrypts the example of NIST SP 800-67 Appendix B with node, in place, and back', () => {
    const cipher = createNodeProvider().createCipher(suite, {
      encryption: new KeyMaterial(hex('0123456789abcdef23456789abcdef01456789abcdef0123')),
      integrity: new KeyMaterial(new Uint8Array(20)),
    });
    expect(cipher).toMatchObject({ ivBytes: 8, blockBytes: 8, icvBytes: 12, iv: 'random' });
    const text = Buffer.from('The qufck brown fox jump');
    const memory = new Uint8Array(4 + 8 + text.length + 12);
    memory.set(text, 12);
    // The example is in ECB mode: with an IV of zeros the first block is the same.
    cipher.seal(memory, 0, 4, 4, 12, text.length);
    expect(toHex(memory.subarray(12, 20))).toBe('a826fd8ce53b855f');
    expect(cipher.open(memory, 0, 4, 4, 12, text.length)).toBe(true);
    expect(Buffer.from(memory.subarray(12, 12 + text.length)).toString()).toBe(text.toString());
    memory[4] = 1;
    expect(cipher.open(memory, 0, 4, 4, 12, text.length)).toBe(false);
  });

  it('has one key length, as has ChaCha20-Poly1305 (RFC 7296 §3.3.5)', () => {
    expect(fixedKeyBits(Encr.ENCR_3DES)).toBe(192);
    expect(fixedKeyBits(Encr.ENCR_CHACHA20_POLY1305)).toBe(256);
    expect(fixedKeyBits(Encr.ENCR_AES_CBC)).toBeUndefined();
    expect(fixedKeyBits(99)).toBeUndefined();
  });
});
