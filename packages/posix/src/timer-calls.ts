/** Clocks of Linux. @see Linux, include/uapi/linux/time.h */
export const CLOCK_REALTIME = 0;
/** Stands still in suspend. */
export const CLOCK_MONOTONIC = 1;
/** Counts suspend. */
export const CLOCK_BOOTTIME = 7;
/** {@link CLOCK_BOOTTIME} for timers that wake the device; takes CAP_WAKE_ALARM. */
export const CLOCK_BOOTTIME_ALARM = 9;

/** What reading a timerfd tells: `cancelled` when the wall clock was set, or the device resumed. */
export type TimerfdReading = 'expired' | 'nothing' | 'cancelled';

/** Clocks and timers of libc that Node lacks. A failure throws PosixError. */
export interface TimerCalls {
  /** clock_gettime(2), in milliseconds with fractions. */
  clockMs(clock: number): number;
  /** timerfd_create(2); the descriptor neither blocks nor is inherited, and the caller closes it. */
  timerfd(clock: number): number;
  /** Lets a timerfd expire once, `inMs` from now; 0 or less expires at once. */
  armTimerfd(fd: number, inMs: number): void;
  /** Takes an arming back. */
  disarmTimerfd(fd: number): void;
  /** Lets a timerfd on CLOCK_REALTIME be cancelled when that clock jumps, as it also does when the device resumes from
   * suspend. It never expires; after a `cancelled` it has to be watched anew.
   * @see timerfd_create(2), TFD_TIMER_CANCEL_ON_SET
   */
  watchClockJumps(fd: number): void;
  /** What happened since the last reading. */
  readTimerfd(fd: number): TimerfdReading;
}

/** The calls are to be had, or one sentence says why not. */
export type TimerCallsResult =
  | { readonly ok: true; readonly calls: TimerCalls }
  | { readonly ok: false; readonly reason: string };
