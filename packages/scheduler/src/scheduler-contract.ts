import type { Clock, Deadline, Instant } from '@ipsec-kit/clock';
import type { WakeCost } from './wake-costs.ts';
import type { WakeSource } from './wake-source.ts';

/** The clock of a scheduler, and what wakes it: the process, and the device. */
export interface SchedulerOptions<Source extends string = string> {
  /** The clock that all deadlines are instants of. */
  readonly clock: Clock<Source>;
  /** Wakes the process; default is `wakeAt` of the clock. */
  readonly timer?: WakeSource<NoInfer<Source>>;
  /** Wakes the device: used for deadlines of the class `device`. Without it the timer serves both classes. */
  readonly alarm?: WakeSource<NoInfer<Source>>;
  /** Deadlines of the class `device` that are further away than this go to the alarm; default 3000 ms. */
  readonly alarmBeyondMs?: number;
}

/** What a deadline is told when it runs. */
export interface DueCall<Source extends string = string> {
  /** The instant of the wake: the same for all that run at it. */
  readonly now: Instant<Source>;
  readonly deadline: Deadline<Source>;
  /** How long after `deadline.at` this is; above the tolerance when the device slept over it. */
  readonly lateMs: number;
}

/** The work of a deadline. A promise says when the work is done: until then a source that can wake the device keeps it awake. */
export type DueWork<Source extends string = string> = (
  call: DueCall<Source>,
) => Promise<void> | undefined | void;

/** What waiting has cost so far. */
export interface SchedulerCounters {
  /** Times that a wake source fired: also a mere timer, in a process that is awake. */
  readonly wakeUps: number;
  /** Of these, those for a deadline of the class `device` that was further away than `alarmBeyondMs` when it was set: the
   * times that a device which had nothing else to do had to be woken. Counted alike where no alarm can wake it.
   */
  readonly deviceWakeUps: number;
  /** Deadlines that ran. */
  readonly runs: number;
  /** Times that a wake source was armed. */
  readonly arms: number;
  /** Times that a source fired before its instant: of an alarm on another clock, say. */
  readonly earlyWakes: number;
}

/** The next wake and what it is for. */
export interface NextWake<Source extends string = string> {
  readonly at: Instant<Source>;
  /** The deadline that cannot wait any longer; others may run at the same wake. */
  readonly deadline: Deadline<Source>;
}

/** Named deadlines that share their wakes. Setting and cancelling is bookkeeping: work runs only inside a wake or
 * inside {@link Scheduler.runDue}.
 */
export interface Scheduler<Source extends string = string> {
  /** Sets the deadline of `key`, in place of the one that it had. Adding, replacing and cancelling cost O(log n).
   * @param priority - among deadlines that are due at once, smaller runs first; default 0. Equal ones run by `deadline.at`,
   * then in the order in which they were set. {@link CatchUpOrder} has the order that a VPN wants after a sleep.
   * @throws RangeError when the instant or the tolerance is not a finite number, or the tolerance is negative.
   */
  schedule(key: string, deadline: Deadline<Source>, run: DueWork<Source>, priority?: number): void;
  /** Takes the deadline of `key` back; false when it had none. */
  cancel(key: string): boolean;
  /** The deadline of `key`, if it has one. */
  deadlineOf(key: string): Deadline<Source> | undefined;
  /** When a wake source is armed for, or `undefined` when nothing waits. */
  nextWake(): Instant<Source> | undefined;
  /** The next wake with its reason, or `undefined` when nothing waits. */
  nextWakeReason(): NextWake<Source> | undefined;
  /** The next wake for a deadline of the class `device` with its reason; `undefined` when none waits, or there is no alarm. */
  nextAlarmReason(): NextWake<Source> | undefined;
  /** Runs what may run now, without a wake of its own: call it when the process is awake for another reason.
   * @returns what has to be awaited before the device may sleep; `undefined` when there is nothing.
   */
  runDue(): Promise<void> | undefined;
  /** Takes every deadline back and disarms the sources. */
  clear(): void;
  /** How many deadlines there are. */
  readonly size: number;
  readonly counters: SchedulerCounters;
  /** What each kind of deadline has cost, by its name, the most expensive first. */
  costs(): readonly WakeCost[];
}
