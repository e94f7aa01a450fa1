import { Encr, Integ } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { describe, expect, it } from 'vitest';
import { DEFAULT_TUN_MTU, innerMtuFor } from '../src/inner-mtu.ts';

const suites = [
  { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE },
  { encryption: Encr.ENCR_CHACHA20_POLY1305, keyBits: 256, integrity: Integ.NONE },
  { encryption: Encr.ENCR_AES_CBC, keyBits: 128, integrity: Integ.AUTH_HMAC_SHA2_256_128 },
  { encryption: Encr.ENCR_AES_CBC, keyBits: 256, integrity: Integ.AUTH_HMAC_SHA2_512_256 },
];

describe('the inner MTU', () => {
  it('leaves room for headers, IV, padding and ICV (RFC 4303 §2.4)', () => {
    expect(innerMtuFor({ ivBytes: 8, blockBytes: 1, icvBytes: 16 }, 4)).toBe(1438);
    expect(innerMtuFor({ ivBytes: 16, blockBytes: 16, icvBytes: 16 }, 4)).toBe(1422);
    expect(innerMtuFor({ ivBytes: 16, blockBytes: 16, icvBytes: 16 }, 6)).toBe(1406);
    expect(innerMtuFor({ ivBytes: 16, blockBytes: 16, icvBytes: 32 }, 6)).toBe(1390);
  });

  it('is larger by the IP header that transport mode does not carry (RFC 4303 §3.1.1)', () => {
    const shape = { ivBytes: 8, blockBytes: 1, icvBytes: 16 };
    expect(innerMtuFor(shape, 4, 1500, 'transport')).toBe(1458);
    expect(innerMtuFor(shape, 6, 1500, 'transport')).toBe(innerMtuFor(shape, 6) + 40);
  });

  it('is the largest size that fits: a byte more would not', () => {
    for (const suite of suites) {
      const shape = createNodeProvider().cipherShape(suite);
      if (!shape) throw new Error('the suite is missing');
      const outerBytes = (inner: number): number => {
        const alignment = Math.max(4, shape.blockBytes);
        const padded = Math.ceil((inner + 2) / alignment) * alignment;
        return 20 + 8 + 8 + shape.ivBytes + padded + shape.icvBytes;
      };
      const mtu = innerMtuFor(shape, 4);
      expect(outerBytes(mtu)).toBeLessThanOrEqual(1500);
      expect(outerBytes(mtu + 1)).toBeGreaterThan(1500);
      expect(mtu).toBeGreaterThanOrEqual(DEFAULT_TUN_MTU - 20);
    }
  });
});
