import { bytesEqual } from '@ipsec-kit/crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('bytesEqual', () => {
  it('says what Buffer.compare says, also of bytes of another length', () => {
    const bytes = fc.uint8Array({ maxLength: 4, max: 2 });
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(bytesEqual(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(bytesEqual(a, a.slice())).toBe(true);
      }),
    );
  });
});
