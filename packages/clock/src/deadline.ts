import type { Instant } from './instant.ts';

/** Whether a deadline deserves to wake a sleeping device, or may wait until something else has. */
export type WakeClass = 'device' | 'process';

/** When a machine wants to be called next, and why. */
export interface Deadline<Source extends string = string> {
  /** The reason, for people and logs: `retransmit IKE_AUTH`, `dpd`, `nat-keepalive`. */
  readonly name: string;
  /** Not before this instant. */
  readonly at: Instant<Source>;
  /** How late it may fire without harm, in milliseconds: what lets several deadlines ride one wake. */
  readonly toleranceMs: number;
  readonly wake: WakeClass;
}

/** The deadline that comes first, or `undefined` when there is none. */
export function earliestDeadline<Source extends string>(
  deadlines: Iterable<Deadline<Source> | undefined>,
): Deadline<Source> | undefined {
  let first: Deadline<Source> | undefined;
  for (const deadline of deadlines) {
    if (deadline && (!first || deadline.at < first.at)) first = deadline;
  }
  return first;
}
