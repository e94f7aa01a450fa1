import { createHostClock } from './host-clock.ts';
import type { SleepAwareClock } from './sleep-event.ts';
import { wallSleepMeter } from './slept-time.ts';

/** What {@link createBrowserClock} takes of a window or a worker: `globalThis` has it all. */
export interface BrowserClockHost<Timer> {
  readonly performance: { now(): number };
  readonly Date: { now(): number };
  setTimeout(fire: () => void, delayMs: number): Timer;
  clearTimeout(timer: Timer): void;
}

/** Makes a suspend-aware clock of what every browser has: wall time against monotonic time.
 * Whether `performance.now()` stands still while the device sleeps differs from browser to browser; both ways work.
 * Limits: those of {@link wallSleepMeter}; timers of a page in the background are throttled to one a second or a minute, and
 * those of a frozen page do not run: call `checkSleep()` on `visibilitychange` and `resume`.
 * @example
 * const clock = createBrowserClock(globalThis);
 * document.addEventListener('visibilitychange', () => clock.checkSleep());
 */
export function createBrowserClock<Timer>(
  browser: BrowserClockHost<Timer>,
  options: { readonly recheckMs?: number } = {},
): SleepAwareClock<'browser'> {
  const monotonicMs = (): number => browser.performance.now();
  const otherMs = (): number => browser.Date.now();
  return createHostClock<'browser'>({
    host: {
      monotonicMs,
      otherMs,
      startTimer(delayMs, fire) {
        const timer = browser.setTimeout(fire, delayMs);
        return () => browser.clearTimeout(timer);
      },
    },
    meter: wallSleepMeter(monotonicMs(), otherMs()),
    ...options,
  });
}
