import { describe, expect, it } from 'vitest';
import { BindingSearch } from '../src/binding-search.ts';

const BOUNDS = { firstMs: 15_000, floorMs: 10_000, mostMs: 480_000 };

/** The idle times that are tried, in seconds, while a mapping lives as long as `livesMs` says. */
function tries(livesMs: (probe: number) => number): { seconds: number[]; search: BindingSearch } {
  const search = new BindingSearch(BOUNDS);
  const seconds: number[] = [];
  for (let ms = search.nextIdleMs(); ms !== undefined; ms = search.nextIdleMs()) {
    seconds.push(Math.round(ms / 1_000));
    search.onResult(ms, ms < livesMs(seconds.length));
    if (seconds.length > 50) throw new Error('the search has no end');
  }
  return { seconds, search };
}

describe('the search for what a mapping survives (RFC 4787 §4.3)', () => {
  it('doubles while mappings live, bisects, and tries the best twice more', () => {
    expect(tries(() => 100_000).seconds).toEqual([15, 30, 60, 120, 85, 101, 93, 93, 93]);
  });

  it('believes a death more than a life: what once was too long is not tried again', () => {
    const moody = (probe: number): number => (probe === 8 ? 50_000 : 100_000);
    const { seconds, search } = tries(moody);
    expect(search.deadMs).toBeLessThan(94_000);
    expect(search.aliveMs).toBeLessThan(search.deadMs ?? 0);
    expect(seconds.filter((tried) => tried === seconds.at(-1)).length).toBe(3);
  });

  it('tries the floor last, and nothing below it', () => {
    expect(tries(() => 6_000).seconds).toEqual([15, 10]);
    expect(tries(() => 480_001).seconds).toEqual([15, 30, 60, 120, 240, 480]);
  });
});
