import { decodeSignatureHashes, encodeSignatureHashes } from '@ipsec-kit/auth';
import { describe, expect, it } from 'vitest';

const hex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replace(/\s+/g, ''), 'hex'));

describe('SIGNATURE_HASH_ALGORITHMS (RFC 7427 §4)', () => {
  it('is two bytes per hash', () => {
    expect(encodeSignatureHashes([2, 3, 4, 5])).toEqual(hex('0002000300040005'));
    expect(decodeSignatureHashes(hex('0002000300040005'))).toEqual([2, 3, 4, 5]);
    expect(decodeSignatureHashes(hex(''))).toEqual([]);
  });

  it('keeps unknown hashes, each hash once and 64 of them at most', () => {
    expect(decodeSignatureHashes(hex('000204d200020002'))).toEqual([2, 1234]);
    const many = encodeSignatureHashes(Array.from({ length: 5000 }, (_, i) => i));
    expect(decodeSignatureHashes(many)).toHaveLength(64);
  });

  it('refuses half a hash', () => {
    expect(decodeSignatureHashes(hex('00020003 00'))).toBeUndefined();
  });
});
