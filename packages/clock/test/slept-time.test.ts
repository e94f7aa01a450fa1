import { type SleepMeter, uptimeSleepMeter, wallSleepMeter } from '@ipsec-kit/clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const HOUR_MS = 3_600_000;

/** A wall clock and a monotonic clock that stands still in suspend, with a meter between them. */
function computer(): {
  run(ms: number): void;
  suspend(ms: number): void;
  setWall(byMs: number): void;
  slept(): number;
} {
  let monotonicMs = 123.4;
  let wallMs = 1_700_000_000_000;
  const meter: SleepMeter = wallSleepMeter(monotonicMs, wallMs);
  return {
    run(ms) {
      monotonicMs += ms;
      wallMs += ms;
    },
    suspend(ms) {
      wallMs += ms;
    },
    setWall(byMs) {
      wallMs += byMs;
    },
    slept: () => Math.round(meter.sleptMs(monotonicMs, wallMs)),
  };
}

describe('wallSleepMeter', () => {
  it('counts every sleep of a second or more', () => {
    const { run, suspend, slept } = computer();
    run(5_000);
    suspend(60_000);
    expect(slept()).toBe(60_000);
    run(5_000);
    suspend(1_000);
    expect(slept()).toBe(61_000);
  });

  it('takes slewing and a coarse wall clock for no sleep', () => {
    const { run, setWall, slept } = computer();
    for (let i = 0; i < 100; i += 1) {
      run(1_000);
      setWall(i % 2 ? 400 : -400);
      expect(slept()).toBe(0);
    }
  });

  it('is not moved by a wall clock that is set back', () => {
    const { setWall, slept } = computer();
    setWall(-HOUR_MS);
    expect(slept()).toBe(0);
  });

  it('takes the way forth after a way back for its undoing, and what is beyond it for sleep', () => {
    const { run, setWall, slept } = computer();
    setWall(-HOUR_MS);
    slept();
    run(60_000);
    setWall(HOUR_MS + 30_000);
    expect(slept()).toBe(30_000);
  });

  it('forgets a way back after ten minutes, so that later sleeps are seen', () => {
    const { run, suspend, setWall, slept } = computer();
    setWall(-HOUR_MS);
    slept();
    run(11 * 60_000);
    slept();
    suspend(30 * 60_000);
    expect(slept()).toBe(30 * 60_000);
  });

  it('adds at most one hour when the clock jumps an hour to and fro without end', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 5_000 }), { maxLength: 60 }), (pauses) => {
        const { run, setWall, slept } = computer();
        let isAhead = false;
        for (const pauseMs of pauses) {
          run(pauseMs);
          setWall(isAhead ? -HOUR_MS : HOUR_MS);
          isAhead = !isAhead;
          slept();
        }
        expect(slept()).toBeLessThanOrEqual(HOUR_MS);
      }),
    );
  });

  it('never goes down, whatever the two clocks do', () => {
    const ms = fc.double({ noNaN: true, min: -1e15, max: 1e15 });
    const reading = fc.tuple(ms, ms);
    fc.assert(
      fc.property(fc.array(reading), (readings) => {
        for (const meter of [wallSleepMeter(0, 0), uptimeSleepMeter(0, 0, 10)]) {
          let before = 0;
          for (const [monotonicMs, otherMs] of readings) {
            const now = meter.sleptMs(monotonicMs, otherMs);
            expect(now).toBeGreaterThanOrEqual(before);
            before = now;
          }
        }
      }),
    );
  });
});
