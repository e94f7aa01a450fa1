import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addToSum,
  checksumOfSum,
  completeChecksum,
  foldSum,
  internetChecksum,
  rangeSum,
  summedMemory,
  vectorMemory,
} from '../../src/index.ts';

describe('rangeSum (RFC 1071 §2)', () => {
  it('adds up like the plain sum, at any offset and length', () => {
    const input = fc.record({
      bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }),
      offset: fc.nat(20),
      cut: fc.nat(20),
    });
    fc.assert(
      fc.property(input, ({ bytes, offset, cut }) => {
        const memory = summedMemory(bytes);
        const start = Math.min(offset, bytes.length);
        const length = Math.max(bytes.length - start - cut, 0);
        const sum = rangeSum(memory, start, length);
        expect(sum).toBeLessThanOrEqual(0xffff);
        expect(checksumOfSum(sum)).toBe(internetChecksum(bytes, start, length));
      }),
    );
  });

  it('does not overflow over 1 MiB of ones', () => {
    const memory = summedMemory(new Uint8Array(1 << 20).fill(0xff));
    expect(rangeSum(memory, 0, 1 << 20)).toBe(0xffff);
    expect(rangeSum(memory, 1, (1 << 20) - 1)).toBe(
      foldSum(addToSum(memory.bytes, 1, (1 << 20) - 1)),
    );
  });

  it('adds up blocks like the plain sum, where they are summed by vectors', () => {
    const bytes = vectorMemory(1 << 17);
    if (!bytes) throw new Error('this engine has no vectors');
    const memory = summedMemory(bytes);
    expect(memory.sumBlocks).toBeDefined();
    const input = fc.record({
      seed: fc.uint8Array({ minLength: 300, maxLength: 3000 }),
      offset: fc.nat(200),
      length: fc.oneof(fc.nat(2000), fc.integer({ min: 65_500, max: 65_600 })),
    });
    fc.assert(
      fc.property(input, ({ seed, offset, length }) => {
        for (let at = 0; at < offset + length; at += seed.length) bytes.set(seed, at);
        expect(foldSum(addToSum(bytes, offset, length))).toBe(rangeSum(memory, offset, length));
      }),
    );
    bytes.fill(0xff);
    for (const length of [65_504, 65_536, 65_568]) expect(rangeSum(memory, 2, length)).toBe(0xffff);
  });

  it('sums nothing behind the end of its memory', () => {
    const bytes = vectorMemory(65_536)?.subarray(0, 1000).fill(1);
    if (!bytes) throw new Error('this engine has no vectors');
    const plain = summedMemory(bytes.slice());
    expect(rangeSum(summedMemory(bytes), 0, 2000)).toBe(rangeSum(plain, 0, 2000));
  });

  it('refuses a memory that lies between words', () => {
    expect(() => summedMemory(new Uint8Array(16).subarray(2))).toThrow('multiple of 4');
  });
});

describe('foldSum', () => {
  it('folds every sum to the same checksum as the plain way', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (sum) => {
        expect(checksumOfSum(foldSum(sum))).toBe(checksumOfSum(sum));
      }),
    );
  });
});

describe('completeChecksum', () => {
  it('leaves a packet whose sum is all ones', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 20, maxLength: 99 }),
        fc.nat(65535),
        (bytes, pseudo) => {
          const memory = summedMemory(bytes);
          bytes[18] = pseudo >>> 8;
          bytes[19] = pseudo;
          const end = bytes.length;
          expect(completeChecksum(memory, 12, 18, end)).toBe(true);
          // The pseudo-header is outside: with it the whole sums up to "all right".
          expect(foldSum(addToSum(bytes, 12, end - 12) + pseudo)).toBe(0xffff);
          expect([bytes[18], bytes[19]]).not.toEqual([0, 0]);
        },
      ),
    );
  });

  it.each([
    [-1, 6, 40],
    [20, 19, 40],
    [20, 39, 40],
    [20, 36, 65],
  ])('refuses places that are not in the packet: %d, %d, %d', (start, field, end) => {
    const memory = summedMemory(new Uint8Array(64));
    expect(completeChecksum(memory, start, field, end)).toBe(false);
    expect(memory.bytes).toEqual(new Uint8Array(64));
  });
});
