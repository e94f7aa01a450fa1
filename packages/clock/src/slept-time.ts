/** Tells from two readings how long the device has slept in all. Never goes down. */
export interface SleepMeter {
  /** Milliseconds of sleep seen so far, this reading included. */
  sleptMs(monotonicMs: number, otherMs: number): number;
}

/** Compares a monotonic clock that stands still in suspend with a coarse one that counts it and is never set:
 * `os.uptime()` or CLOCK_BOOTTIME on Linux.
 * @param granularityMs - step of the coarse clock: a difference below twice that is noise, not sleep.
 */
export function uptimeSleepMeter(
  monotonicMs: number,
  uptimeMs: number,
  granularityMs: number,
): SleepMeter {
  const startOffsetMs = uptimeMs - monotonicMs;
  let slept = 0;
  return {
    sleptMs(monotonic, uptime) {
      // Two readings of the coarse clock, each truncated, put this within one granularity of the truth; the sum of
      // all sleep is compared, so that many short naps are not lost one by one.
      const total = uptime - monotonic - startOffsetMs;
      if (total > slept + 2 * granularityMs) slept = total;
      return slept;
    },
  };
}

/** Awake time after which a backward step of the wall clock counts as final. */
const STEP_BACK_REMEMBERED_MS = 10 * 60_000;

/** Least lead of the wall clock over the monotonic one that counts as sleep; below that it is being slewed. */
const LEAST_WALL_SLEEP_MS = 1_000;

/** Compares a monotonic clock with the wall clock, where nothing better counts suspend: macOS, browsers.
 * - A wall clock that somebody sets forward looks like a sleep and is counted as one: an extra DPD, and rekeys that come
 *   early. Missing a sleep would be worse.
 * - One that is set back changes nothing. If it then leaps forward within ten minutes of awake time, the leap is taken for
 *   the way back, so that a clock which jumps to and fro adds no time.
 * - Slewing (NTP) and naps below a second are not noticed.
 */
export function wallSleepMeter(monotonicMs: number, wallMs: number): SleepMeter {
  let offsetMs = wallMs - monotonicMs;
  let slept = 0;
  let steppedBackMs = 0;
  let steppedBackAt = monotonicMs;
  return {
    sleptMs(monotonic, wall) {
      const leapMs = wall - monotonic - offsetMs;
      if (leapMs < 0) {
        offsetMs += leapMs;
        steppedBackMs -= leapMs;
        steppedBackAt = monotonic;
      } else if (leapMs >= LEAST_WALL_SLEEP_MS) {
        offsetMs += leapMs;
        if (monotonic - steppedBackAt > STEP_BACK_REMEMBERED_MS) steppedBackMs = 0;
        const undoneMs = Math.min(leapMs, steppedBackMs);
        steppedBackMs -= undoneMs;
        slept += leapMs - undoneMs;
      }
      return slept;
    },
  };
}
