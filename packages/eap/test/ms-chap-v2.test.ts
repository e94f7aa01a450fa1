import { createCipheriv, createHash } from 'node:crypto';
import { KeyMaterial } from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import { ntPasswordHash } from '@ipsec-kit/eap';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { desEncrypt } from '../src/legacy/des.ts';
import { md4, md5 } from '../src/legacy/message-digest.ts';
import { authenticatorResponse, msChapMsk, ntResponse } from '../src/mschapv2/ms-chap-v2.ts';

const crypto = createNobleProvider();
const hex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replace(/\s+/g, ''), 'hex'));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value));
const secret = (value: string): KeyMaterial => new KeyMaterial(text(value));

function hashOf(password: string): KeyMaterial {
  const hash = ntPasswordHash(secret(password));
  if (hash === undefined) throw new Error('not a password');
  return hash;
}

const run = {
  authenticatorChallenge: hex('5B5D7C7D7B3F2F3E3C2C602132262628'),
  peerChallenge: hex('21402324255E262A28295F2B3A337C7E'),
  userName: text('User'),
};

describe('md4 (RFC 1320 Appendix A.5)', () => {
  it.each([
    ['', '31d6cfe0d16ae931b73c59d7e0c089c0'],
    ['a', 'bde52cb31de33e46245e05fbdbd6fb24'],
    ['abc', 'a448017aaf21d8525fc10ae87aa6729d'],
    ['message digest', 'd9130a8164549fe818874806e1c7014b'],
    ['abcdefghijklmnopqrstuvwxyz', 'd79e1c308aa5bbcdeea8ed63df412da9'],
    [
      '12345678901234567890123456789012345678901234567890123456789012345678901234567890',
      'e33b4ddc9c38f2199c3e7b164fcc0536',
    ],
  ])('hashes "%s"', (message, digest) => {
    expect(toHex(md4(text(message)))).toBe(digest);
  });
});

describe('md5 (RFC 1321)', () => {
  it('says what OpenSSL says, in parts and at every length', () => {
    for (let length = 0; length < 200; length += 1) {
      const message = Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 0xff);
      const split = Math.floor(length / 3);
      expect(toHex(md5(message.subarray(0, split), message.subarray(split)))).toBe(
        createHash('md5').update(message).digest('hex'),
      );
    }
  });
});

describe('desEncrypt (FIPS 46-3)', () => {
  it('says what OpenSSL says', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(bytes(7), bytes(8), (key, block) => {
        const bits = [...key].map((byte) => byte.toString(2).padStart(8, '0')).join('');
        const wide = Buffer.from(
          (bits.match(/.{7}/g) ?? []).map((seven) => Number.parseInt(`${seven}0`, 2)),
        );
        const cipher = createCipheriv('des-ede3-ecb', Buffer.concat([wide, wide, wide]), null);
        cipher.setAutoPadding(false);
        expect(toHex(desEncrypt(key, block))).toBe(cipher.update(block).toString('hex'));
      }),
      { numRuns: 100 },
    );
  });
});

describe('MS-CHAP-V2 (RFC 2759 §9.2)', () => {
  it('hashes the password of the example', () => {
    expect(toHex(hashOf('clientPass').reveal())).toBe('44ebba8d5312b8d611474411f56989ae');
  });

  it('computes the responses of the example, with a domain in front of the name or without', () => {
    for (const userName of ['User', 'DOMAIN\\User']) {
      const named = { ...run, userName: text(userName) };
      const response = ntResponse(crypto, named, hashOf('clientPass'));
      expect(toHex(response)).toBe('82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df');
      expect(toHex(authenticatorResponse(crypto, named, hashOf('clientPass'), response))).toBe(
        '407a5589115fd0d6209f510fe9c04566932cda56',
      );
    }
  });

  it('derives the keys of the example (RFC 3079 §3.5.3)', () => {
    const response = hex('82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF');
    const msk = msChapMsk(crypto, hashOf('clientPass'), response).reveal();
    expect(msk).toHaveLength(64);
    // What the example calls the send key is the authenticator's.
    expect(toHex(msk.subarray(16, 32))).toBe('8b7cdc149b993a1ba118cb153f56dccb');
    expect(toHex(msk.subarray(0, 16))).toBe('d5f0e9521e3ea9589645e86051c82226');
    expect(toHex(msk.subarray(32))).toBe('00'.repeat(32));
  });

  it('reads passwords in UTF-8 beyond the first plane, and refuses other bytes', () => {
    const expected = md4(Uint8Array.from(Buffer.from('zä€𝄞', 'utf16le')));
    expect(hashOf('zä€𝄞').reveal()).toEqual(expected);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (value) => {
        const unicode = Uint8Array.from(Buffer.from(value, 'utf16le'));
        expect(ntPasswordHash(secret(value))?.reveal()).toEqual(
          unicode.length > 512 ? undefined : md4(unicode),
        );
      }),
    );
    for (const bad of [
      '80',
      'c080',
      'c1bf',
      'e08080',
      'eda080',
      'f0808080',
      'f4908080',
      'f5808080',
      'c3',
      'e282',
      '61ff',
    ]) {
      expect(ntPasswordHash(new KeyMaterial(hex(bad)))).toBeUndefined();
    }
    expect(ntPasswordHash(secret('x'.repeat(256)))).toBeDefined();
    expect(ntPasswordHash(secret('x'.repeat(257)))).toBeUndefined();
  });
});
