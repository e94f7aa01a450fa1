import type { Instant } from './instant.ts';

/** Takes back a wake-up that has not fired; harmless afterwards. */
export type CancelWake = () => void;

/** One source for both *now* and *wait until*: an instant read from a clock can only be waited for on a clock.
 * A deadline computed on one clock and waited for on another is a busy loop after the first suspend.
 */
export interface Clock {
  /** The current instant; never goes back, and counts the time that the device slept. */
  now(): Instant;
  /** Calls `wake` once, not before `at`; at once (but never synchronously) when `at` has passed. */
  wakeAt(at: Instant, wake: () => void): CancelWake;
}
