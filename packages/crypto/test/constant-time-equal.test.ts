import { constantTimeEqual } from '@ipsec-kit/crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('constantTimeEqual', () => {
  it('says what a comparison byte by byte says', () => {
    const short = fc.uint8Array({ maxLength: 3, max: 2 });
    fc.assert(
      fc.property(short, short, (a, b) => {
        expect(constantTimeEqual(a, b)).toBe(Buffer.compare(a, b) === 0);
      }),
      { numRuns: 500 },
    );
  });

  it('sees a difference of any one bit', () => {
    const a = new Uint8Array(32).fill(0x5a);
    for (let bit = 0; bit < 256; bit += 1) {
      const b = a.slice();
      b[bit >> 3] = (b[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(constantTimeEqual(a, b)).toBe(false);
    }
    expect(constantTimeEqual(a, a.slice())).toBe(true);
  });
});
