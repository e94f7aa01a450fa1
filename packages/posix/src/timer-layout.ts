import type { StructLayout } from './struct-layout.ts';

// A `long` of 64 bits: machines with another one fail the check, and go without these calls.

/** Seconds and nanoseconds. @see clock_gettime(2) */
export const TIMESPEC = {
  name: 'timespec',
  sizeBytes: 16,
  fields: {
    seconds: { type: 'long', offset: 0 },
    nanoseconds: { type: 'long', offset: 8 },
  },
} as const;

/** When a timer expires, and how often again. @see timerfd_settime(2) */
export const ITIMERSPEC = {
  name: 'itimerspec',
  sizeBytes: 32,
  fields: {
    intervalSeconds: { type: 'long', offset: 0 },
    intervalNanoseconds: { type: 'long', offset: 8 },
    valueSeconds: { type: 'long', offset: 16 },
    valueNanoseconds: { type: 'long', offset: 24 },
  },
} as const;

/** The structures of clocks and timers. */
export const TIMER_LAYOUTS: readonly StructLayout[] = [TIMESPEC, ITIMERSPEC];
