import { beforeEach, describe, expect, it } from 'vitest';
import { LookTimes } from '../src/worker/look-times.ts';

const INTERVAL_MS = 20;

describe('when a packet loop tells its numbers', () => {
  let nowMs = 0;
  let looks = 0;
  let times: LookTimes;
  const carried = (): boolean => times.isDue(true, false, INTERVAL_MS);
  const slept = (): boolean => {
    nowMs += times.waitMs;
    return times.isDue(false, true, INTERVAL_MS);
  };
  beforeEach(() => {
    nowMs = 1_000;
    times = new LookTimes(() => {
      looks += 1;
      return nowMs;
    });
    expect(slept()).toBe(true);
    nowMs += 100;
    looks = 0;
  });

  it('a lone packet is told a millisecond after it, and neither it nor its answer waits for that', () => {
    expect(times.waitMs).toBe(-1);
    expect(carried()).toBe(false);
    expect(looks).toBe(0);
    nowMs += 0.2;
    expect(carried()).toBe(false);
    expect(times.waitMs).toBe(1);
    expect(slept()).toBe(true);
    expect(times.waitMs).toBe(-1);
  });

  it('a lone packet without an answer has a stamp', () => {
    carried();
    expect(slept()).toBe(true);
    expect(times.carriedAtMs).toBe(nowMs);
  });

  it.each([0.1, 2, 7])('a stream is told once in an interval, a packet each %d ms', (gapMs) => {
    const toldAtMs: number[] = [];
    let wakeUps = 0;
    for (const beganMs = nowMs; nowMs < beganMs + 1_000; ) {
      if (carried()) toldAtMs.push(nowMs);
      const nextMs = nowMs + gapMs;
      while (times.waitMs >= 0 && nowMs + times.waitMs < nextMs) {
        wakeUps += 1;
        if (slept()) toldAtMs.push(nowMs);
      }
      nowMs = nextMs;
    }
    expect(toldAtMs.length).toBeLessThanOrEqual(50);
    expect(toldAtMs.length).toBeGreaterThan(35);
    expect(wakeUps).toBeLessThanOrEqual(100);
  });

  it('what is told is stamped with the last packet, to a millisecond', () => {
    for (const gapMs of [0.1, 0.1, 0.1, 3, 3, 3]) {
      carried();
      nowMs += gapMs;
    }
    const lastMs = nowMs;
    carried();
    while (!slept());
    expect(nowMs - lastMs).toBeLessThanOrEqual(INTERVAL_MS + 1);
    expect(times.carriedAtMs).toBe(lastMs);
  });

  it('what no packet brought is told within an interval, however often it comes', () => {
    let told = 0;
    for (let i = 0; i < 1_000; i += 1) {
      nowMs += 0.1;
      times.fallBehind();
      if (times.isDue(false, false, INTERVAL_MS)) told += 1;
    }
    expect(told).toBeGreaterThanOrEqual(4);
    expect(told).toBeLessThanOrEqual(5);
  });
});
