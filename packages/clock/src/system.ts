import { uptime } from 'node:os';
import { createHostClock } from './host-clock.ts';
import type { SleepAwareClock } from './sleep-event.ts';
import { type SleepMeter, uptimeSleepMeter, wallSleepMeter } from './slept-time.ts';

/** Step of `os.uptime()` on Linux, which reads /proc/uptime. */
const UPTIME_GRANULARITY_MS = 10;

/** The readings and the timer that a system clock stands on; the default is Node's own. */
export interface SystemClockHost {
  /** Fine, may stand still in suspend. */
  monotonicMs(): number;
  /** Coarse, counts suspend. */
  uptimeMs(): number;
  /** Calls `fire` once after about `delayMs` (1 to 2^31-1), never synchronously; returns how to take it back. */
  startTimer(delayMs: number, fire: () => void, unref: boolean): () => void;
  /** Calls `listener` whenever the process goes on after it was stopped (SIGCONT); returns how to stop that. */
  onContinue?(listener: () => void): () => void;
}

/** How a clock of this machine waits, and what it reads. */
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

/** The clock of this machine: its instants are those of no other. */
export type SystemClock = SleepAwareClock<'system'>;

/** Makes the clock of this machine: the resolution of the monotonic clock, and it counts suspend.
 * - Linux and Windows: `os.uptime()` says how long the device slept, to 30 ms.
 * - macOS and the rest, where it follows the wall clock: wall time against monotonic time, with the limits of
 *   {@link wallSleepMeter}.
 *
 * It never goes back. `wakeAt` reads the clock again before it fires, so nothing fires early, whatever the distance.
 * A timer cannot wake a sleeping device, nor does it notice the resume by itself: see `recheckMs`.
 */
export function createSystemClock(options: SystemClockOptions = {}): SystemClock {
  const { host = nodeHost, ...rest } = options;
  const clock = createHostClock<'system'>({
    host: { ...bound(host), otherMs: () => host.uptimeMs() },
    meter: meterOf(host, options.host !== undefined),
    ...rest,
  });
  return host.onContinue
    ? watchingContinue(clock, (listener) => host.onContinue?.(listener))
    : clock;
}

/** Listens to SIGCONT while somebody listens to sleep. */
function watchingContinue(
  clock: SystemClock,
  onContinue: (listener: () => void) => (() => void) | undefined,
): SystemClock {
  return {
    now: () => clock.now(),
    wakeAt: (at, wake) => clock.wakeAt(at, wake),
    get sleptMs(): number {
      return clock.sleptMs;
    },
    checkSleep: (wasStopped) => clock.checkSleep(wasStopped),
    onSleep(listener) {
      const stopListening = clock.onSleep(listener);
      const stopWatching = onContinue(() => clock.checkSleep(true));
      return () => {
        stopListening();
        stopWatching?.();
      };
    },
  };
}

function bound(host: SystemClockHost): Pick<SystemClockHost, 'monotonicMs' | 'startTimer'> {
  return {
    monotonicMs: () => host.monotonicMs(),
    startTimer: (delayMs, fire, unref) => host.startTimer(delayMs, fire, unref),
  };
}

function meterOf(host: SystemClockHost, isForeign: boolean): SleepMeter {
  const monotonicMs = host.monotonicMs();
  const otherMs = host.uptimeMs();
  if (isForeign || countsSuspend) {
    return uptimeSleepMeter(monotonicMs, otherMs, UPTIME_GRANULARITY_MS);
  }
  return wallSleepMeter(monotonicMs, otherMs);
}

const countsSuspend = process.platform === 'linux' || process.platform === 'win32';

const nodeHost: SystemClockHost = {
  monotonicMs: () => performance.now(),
  uptimeMs: countsSuspend ? () => uptime() * 1000 : () => Date.now(),
  startTimer(delayMs, fire, unref) {
    const timer = setTimeout(fire, delayMs);
    if (unref) timer.unref();
    return () => clearTimeout(timer);
  },
  onContinue(listener) {
    process.on('SIGCONT', listener);
    return () => {
      process.off('SIGCONT', listener);
    };
  },
};
