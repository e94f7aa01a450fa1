import { createHmac } from 'node:crypto';
import { KeyMaterial, Prf, prfPlus, skeyseedKey } from '@ipsec-kit/crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex, toHex } from './hex.ts';
import { providers } from './providers.ts';
import { aesPrfExamples } from './vectors/aes-modes.ts';
import { prfCases } from './vectors/hmac-cases.ts';

const HASH = { 2: 'sha1', 5: 'sha256', 6: 'sha384', 7: 'sha512' } as const;

describe.each(providers.map((provider) => [provider.name, provider] as const))(
  '%s',
  (_, provider) => {
    it.each(prfCases)('computes $name with SHA-2 (RFC 4231 §4, RFC 4868 §2.7.1)', (vector) => {
      const key = new KeyMaterial(hex(vector.key));
      const data = hex(vector.data);
      expect(toHex(provider.prf(Prf.PRF_HMAC_SHA2_256, key, data))).toBe(vector.sha256);
      expect(toHex(provider.prf(Prf.PRF_HMAC_SHA2_384, key, data))).toBe(vector.sha384);
      expect(toHex(provider.prf(Prf.PRF_HMAC_SHA2_512, key, data))).toBe(vector.sha512);
    });

    it.each([
      ['0b'.repeat(20), '4869205468657265', 'b617318655057264e28bc0b6fb378c8ef146be00'],
      [
        '4a656665',
        '7768617420646f2079612077616e7420666f72206e6f7468696e673f',
        'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79',
      ],
      ['aa'.repeat(20), 'dd'.repeat(50), '125d7342b9ac11cd91a39af48aa17b4f63f175d3'],
      [
        'aa'.repeat(80),
        Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First').toString('hex'),
        'aa4ae5e15272d00e95705637ce8a3b55ed402112',
      ],
    ])('computes HMAC-SHA-1 with key %s (RFC 2202 §3)', (key, data, mac) => {
      expect(toHex(provider.prf(Prf.PRF_HMAC_SHA1, new KeyMaterial(hex(key)), hex(data)))).toBe(
        mac,
      );
    });

    it.each(aesPrfExamples)(
      'computes AES-XCBC-PRF-128 and AES-CMAC-PRF-128 with key $key (RFC 4434 §2.1, RFC 4615 §4)',
      ({ key, xcbc, cmac }) => {
        const parts = [hex('000102030405060708090a'), hex(''), hex('0b0c0d0e0f10111213')];
        const prf = (id: number) => provider.prf(id, new KeyMaterial(hex(key)), ...parts);
        expect(toHex(prf(Prf.PRF_AES128_XCBC))).toBe(xcbc);
        expect(toHex(prf(Prf.PRF_AES128_CMAC))).toBe(cmac);
        expect(provider.prfShape(Prf.PRF_AES128_XCBC)).toEqual({ keyBytes: 16, outputBytes: 16 });
        expect(provider.prfShape(Prf.PRF_AES128_CMAC)).toEqual({ keyBytes: 16, outputBytes: 16 });
      },
    );

    it('hashes with SHA-1 in parts', () => {
      const parts = [hex('61'), hex(''), hex('6263')];
      expect(toHex(provider.sha1(...parts))).toBe('a9993e364706816aba3e25717850c26c9cd0d89d');
      expect(toHex(provider.sha1())).toBe('da39a3ee5e6b4b0d3255bfef95601890afd80709');
    });

    it('concatenates the parts of its data, with keys of any length', () => {
      fc.assert(
        fc.property(
          fc.constantFrom(2, 5, 6, 7),
          fc.uint8Array({ maxLength: 200 }),
          fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }),
          (prf, key, parts) => {
            const expected = createHmac(HASH[prf as 2], key)
              .update(Buffer.concat(parts))
              .digest('hex');
            expect(toHex(provider.prf(prf, new KeyMaterial(key), ...parts))).toBe(expected);
          },
        ),
        { numRuns: 100 },
      );
    });

    it('returns a plain Uint8Array of its own', () => {
      const output = provider.prf(5, new KeyMaterial(new Uint8Array(32)), new Uint8Array(1));
      expect(Object.getPrototypeOf(output)).toBe(Uint8Array.prototype);
      expect(output.buffer.byteLength).toBe(output.length);
    });

    it('throws on an unknown PRF and has no shape for it', () => {
      expect(provider.prfShape(1)).toBeUndefined();
      expect(() => provider.prf(1, new KeyMaterial(new Uint8Array(16)))).toThrow('"prf" expected');
      expect(() => prfPlus(provider, 1, new KeyMaterial(new Uint8Array(16)), hex(''), 8)).toThrow(
        '"prf" expected',
      );
    });

    it('derives the keys of the NIST CAVP example of IKEv2 (RFC 7296 §2.13, §2.14)', () => {
      const nonces = hex('32b50d5f4a3763f3 9206a04b26564cb1');
      const shared = hex('4b2c1f971981a8ad8d0abeafabf38cf75fc8349c148142465ed9c8b516b8be52');
      const spis = hex('34c9e7c188868785 3ff77d760d2b2199');
      const seed = provider.prf(Prf.PRF_HMAC_SHA1, new KeyMaterial(nonces), shared);
      expect(toHex(seed)).toBe('a9a7b222b59f8f48645f28a1db5b5f5d7479cba7');
      const keys = prfPlus(
        provider,
        Prf.PRF_HMAC_SHA1,
        new KeyMaterial(seed),
        Uint8Array.from([...nonces, ...spis]),
        132,
      );
      expect(toHex(keys.reveal())).toBe(
        toHex(
          hex(`a14293677cc80ff8f9cc0eee30d895da9d8f405666e30ef0dfcb63c634a46002
          a2a63080e514a062768b76606f9fa5e992204fc5a670bde3f10d6b027113936a
          5c55b648a194ae587b0088d52204b702c979fa280870d2ed41efa9c549fd1119
          8af1670b143d384bd275c5f594cf266b05ebadca855e4249520a441a81157435
          a7a56cc4`),
        ),
      );
    });

    it('chains the blocks of prf+ with a counter (RFC 7296 §2.13)', () => {
      const key = new KeyMaterial(hex('000102030405060708090a0b0c0d0e0f'));
      const seed = hex('a0a1a2');
      for (const prf of [2, 5, 6, 7] as const) {
        const mac = (...parts: Uint8Array[]) =>
          createHmac(HASH[prf], key.reveal()).update(Buffer.concat(parts)).digest();
        const t1 = mac(seed, hex('01'));
        const t2 = mac(t1, seed, hex('02'));
        const t3 = mac(t2, seed, hex('03'));
        const all = Buffer.concat([t1, t2, t3]);
        for (const bytes of [0, 1, t1.length, t1.length + 1, all.length - 1, all.length]) {
          const output = prfPlus(provider, prf, key, seed, bytes);
          expect(toHex(output.reveal())).toBe(toHex(all.subarray(0, bytes)));
        }
      }
    });

    it('stops at 255 blocks of prf+ (RFC 7296 §2.13)', () => {
      const key = new KeyMaterial(new Uint8Array(20));
      expect(prfPlus(provider, 2, key, hex('00'), 255 * 20).length).toBe(5100);
      for (const bytes of [255 * 20 + 1, -1, 1.5, Number.NaN]) {
        expect(() => prfPlus(provider, 2, key, hex('00'), bytes)).toThrow('"bytes" expected');
      }
    });
  },
);

describe('skeyseedKey', () => {
  const ni = hex('00112233445566778899aabbccddeeff');
  const nr = hex('f0e1d2c3b4a5968778695a4b3c2d1e0f11');

  it('takes 64 bits of each nonce for AES-XCBC and AES-CMAC (RFC 7296 §2.14, RFC 4434 §1.1)', () => {
    for (const prf of [Prf.PRF_AES128_XCBC, Prf.PRF_AES128_CMAC]) {
      expect(toHex(skeyseedKey(prf, ni, nr).reveal())).toBe('0011223344556677f0e1d2c3b4a59687');
    }
  });

  it('takes all of both nonces for an HMAC (RFC 7296 §2.14)', () => {
    expect(toHex(skeyseedKey(Prf.PRF_HMAC_SHA2_256, ni, nr).reveal())).toBe(toHex(ni) + toHex(nr));
  });
});
