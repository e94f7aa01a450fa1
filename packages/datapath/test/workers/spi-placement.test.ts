import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSpiPlacement } from '../../src/workers/spi-placement.ts';
import { sumCounters } from '../../src/workers/sum-counters.ts';
import { ownerOf } from '../../src/workers/worker-group.ts';

const drawn = fc.integer({ min: 256, max: 0xffffffff });
const counts = fc.integer({ min: 1, max: 16 });

describe('the SPI of an SA', () => {
  it('is that of the worker that has the others of the same peer, and a legal one (RFC 4303 §2.1)', () => {
    fc.assert(
      fc.property(counts, drawn, drawn, (count, spi, beside) => {
        const place = createSpiPlacement(count, () => new Array<number>(count).fill(0));
        const placed = place(spi, beside);
        expect(ownerOf(placed, count)).toBe(ownerOf(beside, count));
        expect(placed).toBeGreaterThanOrEqual(256);
        expect(placed).toBeLessThanOrEqual(0xffffffff);
        expect(Math.abs(placed - spi)).toBeLessThan(2 * count);
      }),
    );
  });

  it('goes to a worker with the fewest pairs, and to each in turn before any of them stands', () => {
    const pairs = [0, 0, 0];
    const place = createSpiPlacement(3, () => pairs);
    const owner = (beside?: number): number => ownerOf(place(0x12345678, beside), 3);
    expect([owner(), owner(), owner(), owner()]).toEqual([0, 1, 2, 0]);
    pairs.splice(0, 3, 4, 1, 2);
    expect([owner(), owner()]).toEqual([1, 1]);
    pairs.splice(0, 3, 2, 2, 2);
    expect([owner(0x1001), owner(), owner()]).toEqual([ownerOf(0x1001, 3), 2, 0]);
  });
});

describe('counters of several workers', () => {
  it('are added up, also inside', () => {
    expect(
      sumCounters([
        { packets: 1, drops: { replayed: 2, late: 0 } },
        { packets: 10, drops: { replayed: 20, late: 5 } },
        { packets: 100, drops: { replayed: 0, late: 0 } },
      ]),
    ).toEqual({ packets: 111, drops: { replayed: 22, late: 5 } });
    expect(() => sumCounters([])).toThrow('"all" expected');
  });
});
