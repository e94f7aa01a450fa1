import type { Clock } from './clock.ts';
import type { Instant } from './instant.ts';

/** This program has not run for a while. `suspended`: the device slept, and timers stood still. `stopped`: the device ran and
 * the program did not (SIGSTOP, a frozen container, a throttled tab, a starved event loop).
 */
export interface SleepEvent<Source extends string = string> {
  readonly kind: 'suspended' | 'stopped';
  /** How long, in milliseconds; for `stopped` an upper limit: the time since the program was last seen to run. */
  readonly sleptMs: number;
  /** When it was noticed. */
  readonly at: Instant<Source>;
}

/** A {@link Clock} that also says when and how long the program has slept. */
export interface SleepAwareClock<Source extends string = string> extends Clock<Source> {
  /** Milliseconds of suspend since the clock was created, as of the last `now()`. */
  readonly sleptMs: number;
  /** Calls `listener` soon after each sleep, never inside `now()`, and before the wake-ups that came due meanwhile.
   * @returns how to stop listening.
   */
  onSleep(listener: (event: SleepEvent<Source>) => void): () => void;
  /** Looks at once whether the device slept, and tells the listeners: for those who learn of a resume from elsewhere.
   * @param wasStopped - the program itself was stopped and goes on now (SIGCONT): tells that as well.
   */
  checkSleep(wasStopped?: boolean): void;
}
