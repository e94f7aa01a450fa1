import {
  addMs,
  type Deadline,
  earlierOf,
  earliestDeadline,
  instantFromMs,
  laterOf,
  msBetween,
} from '@ipsec-kit/clock';
import { describe, expect, it } from 'vitest';

const at = (ms: number): Deadline => ({
  name: `at ${ms}`,
  at: instantFromMs(ms),
  toleranceMs: 0,
  wake: 'process',
});

describe('earliestDeadline', () => {
  it('is undefined when there is none', () => {
    expect(earliestDeadline([])).toBeUndefined();
    expect(earliestDeadline([undefined, undefined])).toBeUndefined();
  });

  it('picks the first in time, and the first named among equals', () => {
    const [late, early, sameAsEarly] = [at(20), at(10), at(10)];
    expect(earliestDeadline([late, undefined, early, sameAsEarly])).toBe(early);
  });
});

describe('Instant', () => {
  it('keeps difference and sum in step', () => {
    const start = instantFromMs(1000);
    expect(msBetween(start, addMs(start, -250))).toBe(-250);
  });

  it('order: the earlier and the later of two', () => {
    const start = instantFromMs(1_000);
    const end = addMs(start, 0.25);
    expect([earlierOf(start, end), earlierOf(end, start)]).toEqual([start, start]);
    expect([laterOf(start, end), laterOf(end, start)]).toEqual([end, end]);
  });
});
