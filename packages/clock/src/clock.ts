import type { Instant } from './instant.ts';

/** Takes back a wake-up that has not fired; harmless afterwards. */
export type CancelWake = () => void;

/** One source for both *now* and *wait until*: an instant read from a clock can only be waited for on a clock.
 * A deadline computed on one clock and waited for on another is a busy loop after the first suspend; clocks that name
 * their `Source` make that a type error.
 */
export interface Clock<Source extends string = string> {
  /** The current instant; never goes back, and counts the time that the device slept. */
  now(): Instant<Source>;
  /** Calls `wake` once, not before `at`; at once (but never synchronously) when `at` has passed. */
  wakeAt(at: Instant<Source>, wake: () => void): CancelWake;
}
