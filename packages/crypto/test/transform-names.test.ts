import { formatSuite, formatTransforms, transformName } from '@ipsec-kit/crypto';
import { describe, expect, it } from 'vitest';

describe('transformName', () => {
  it.each([
    [1, 20, 256, 'AES_GCM_16_256'],
    [1, 12, 128, 'AES_CBC_128'],
    [1, 28, 256, 'CHACHA20_POLY1305'],
    [1, 28, undefined, 'CHACHA20_POLY1305'],
    [1, 3, undefined, '3DES_CBC'],
    [1, 3, 192, '3DES_CBC'],
    [2, 5, undefined, 'PRF_HMAC_SHA2_256'],
    [3, 12, undefined, 'HMAC_SHA2_256_128'],
    [4, 31, undefined, 'CURVE_25519'],
    [4, 14, undefined, 'MODP_2048'],
    [4, 21, undefined, 'ECP_521'],
    [5, 0, undefined, 'NO_EXT_SEQ'],
    [5, 1, undefined, 'EXT_SEQ'],
  ])('names type %d, id %d, %s bits as strongSwan does', (type, id, bits, name) => {
    expect(transformName(type, id, bits)).toBe(name);
  });

  it('prints numbers that it does not know', () => {
    expect(transformName(1, 99)).toBe('ENCR(99)');
    expect(transformName(1, 99, 128)).toBe('ENCR(99)_128');
    expect(transformName(4, 1024)).toBe('KE(1024)');
    expect(transformName(240, 7)).toBe('TRANSFORM(240, 7)');
  });
});

describe('formatSuite and formatTransforms', () => {
  it('say a suite in one word', () => {
    expect(formatSuite({ encryption: 20, keyBits: 256, integrity: 0 })).toBe('AES_GCM_16_256');
    expect(formatSuite({ encryption: 12, keyBits: 128, integrity: 12 })).toBe(
      'AES_CBC_128/HMAC_SHA2_256_128',
    );
    expect(formatSuite({ encryption: 28, keyBits: 256, integrity: 0 })).toBe('CHACHA20_POLY1305');
  });

  it('read transforms out in the order of strongSwan', () => {
    const transforms = [
      { type: 4, id: 31 },
      { type: 2, id: 5 },
      { type: 3, id: 12 },
      { type: 99, id: 1 },
      { type: 1, id: 12, keyBits: 256 },
    ];
    expect(formatTransforms(transforms)).toBe(
      'AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE_25519/TRANSFORM(99, 1)',
    );
    expect(
      formatTransforms([
        { type: 1, id: 20, keyBits: 128 },
        { type: 3, id: 0 },
        { type: 5, id: 0 },
      ]),
    ).toBe('AES_GCM_16_128/NO_EXT_SEQ');
  });
});
