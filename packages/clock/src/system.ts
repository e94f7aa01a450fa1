import { uptime } from 'node:os';
import type { CancelWake, Clock } from './clock.ts';
import { type Instant, instantFromMs } from './instant.ts';
import { SleptTime } from './slept-time.ts';

/** Longest delay that `setTimeout` takes; a longer one would fire after 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Step of `os.uptime()` on Linux, which reads /proc/uptime. */
const UPTIME_GRANULARITY_MS = 10;

const DEFAULT_RECHECK_MS = 10_000;

/** The readings and the timer that a system clock stands on; the default is Node's own. */
export interface SystemClockHost {
  /** Fine, may stand still in suspend. */
  monotonicMs(): number;
  /** Coarse, counts suspend. */
  uptimeMs(): number;
  /** Calls `fire` once after about `delayMs` (1 to 2^31-1), never synchronously; returns how to take it back. */
  startTimer(delayMs: number, fire: () => void, unref: boolean): () => void;
}

export interface SystemClockOptions {
  /** Whether waiting keeps the process alive; default true, false as `timer.unref()` does. */
  readonly keepAlive?: boolean;
  /** Longest time that one timer runs before the clock is read again; default 10 000 ms, `Infinity` for never.
   * A timer stands still in suspend, so after a resume a wake-up comes late by at most this.
   */
  readonly recheckMs?: number;
  /** Other readings than Node's, for tests and other runtimes. */
  readonly host?: SystemClockHost;
}

/** A {@link Clock} that also says how long the device has slept. */
export interface SystemClock extends Clock {
  /** Milliseconds of suspend since the clock was created, as of the last `now()`. */
  readonly sleptMs: number;
}

/** Makes the clock of this machine: the resolution of the monotonic clock, and it counts suspend, since `os.uptime()` does.
 * It never goes back. `wakeAt` reads the clock again before it fires, so nothing fires early, whatever the distance.
 * A timer cannot wake a sleeping device, nor does it notice the resume by itself: see `recheckMs`.
 * Checked on Linux. Where `os.uptime()` has a coarser step or follows the wall clock (macOS), hand in a `host`.
 */
export function createSystemClock(options: SystemClockOptions = {}): SystemClock {
  const host = options.host ?? nodeHost;
  const unref = options.keepAlive === false;
  const longestTimerMs = Math.min(options.recheckMs ?? DEFAULT_RECHECK_MS, MAX_TIMER_MS);
  if (!(longestTimerMs >= 1)) {
    throw new RangeError(`"recheckMs" expected at least 1 ms, got ${options.recheckMs}`);
  }
  const time = new SleptTime(host.monotonicMs(), host.uptimeMs(), UPTIME_GRANULARITY_MS);
  const now = (): Instant => instantFromMs(time.elapsedMs(host.monotonicMs(), host.uptimeMs()));

  return {
    now,
    get sleptMs(): number {
      return time.sleptMs;
    },
    wakeAt(at: Instant, wake: () => void): CancelWake {
      if (Number.isNaN(at)) throw new RangeError('"at" expected an instant, got NaN');
      let stop: () => void;
      const arm = (): void => {
        // Rounded up: a timer that fires a fraction too early would only have to be armed again.
        const delayMs = Math.max(1, Math.min(Math.ceil(at - now()), longestTimerMs));
        stop = host.startTimer(delayMs, fire, unref);
      };
      const fire = (): void => {
        if (now() < at) arm();
        else wake();
      };
      arm();
      return () => stop();
    },
  };
}

const nodeHost: SystemClockHost = {
  monotonicMs: () => performance.now(),
  uptimeMs: () => uptime() * 1000,
  startTimer(delayMs, fire, unref) {
    const timer = setTimeout(fire, delayMs);
    if (unref) timer.unref();
    return () => clearTimeout(timer);
  },
};
