import {
  type Clock,
  type Deadline,
  type Instant,
  instantFromMs,
  msBetween,
} from '@ipsec-kit/clock';
import { type LanePlace, WakeLane } from './wake-lane.ts';
import { timerWakeSource, type WakeSource } from './wake-source.ts';

/** Distance beyond which a deadline is worth an alarm: nearer ones are over before a device would fall asleep. */
const DEFAULT_ALARM_BEYOND_MS = 3_000;

export interface SchedulerOptions {
  /** The clock that all deadlines are instants of. */
  readonly clock: Clock;
  /** Wakes the process; default is `wakeAt` of the clock. */
  readonly timer?: WakeSource;
  /** Wakes the device: used for deadlines of the class `device`. Without it the timer serves both classes. */
  readonly alarm?: WakeSource;
  /** Deadlines of the class `device` that are further away than this go to the alarm; default 3000 ms. */
  readonly alarmBeyondMs?: number;
}

/** What a deadline is told when it runs. */
export interface DueCall {
  /** The instant of the wake: the same for all that run at it. */
  readonly now: Instant;
  readonly deadline: Deadline;
  /** How long after `deadline.at` this is; above the tolerance when the device slept over it. */
  readonly lateMs: number;
}

/** The work of a deadline. A promise says when the work is done: until then a source that can wake the device keeps it awake. */
export type DueWork = (call: DueCall) => Promise<void> | undefined | void;

/** What waiting has cost so far. */
export interface SchedulerCounters {
  /** Times that a wake source fired. */
  readonly wakeUps: number;
  /** Deadlines that ran. */
  readonly runs: number;
  /** Times that a wake source was armed. */
  readonly arms: number;
}

/** Named deadlines that share their wakes. Setting and cancelling is bookkeeping: work runs only inside a wake or
 * inside {@link Scheduler.runDue}.
 */
export interface Scheduler {
  /** Sets the deadline of `key`, in place of the one that it had. Adding, replacing and cancelling cost O(log n).
   * @param priority - among deadlines that are due at once, smaller runs first; default 0. Equal ones run by `deadline.at`,
   * then in the order in which they were set.
   * @throws RangeError when the instant or the tolerance is not a finite number, or the tolerance is negative.
   */
  schedule(key: string, deadline: Deadline, run: DueWork, priority?: number): void;
  /** Takes the deadline of `key` back; false when it had none. */
  cancel(key: string): boolean;
  /** The deadline of `key`, if it has one. */
  deadlineOf(key: string): Deadline | undefined;
  /** When a wake source is armed for, or `undefined` when nothing waits. */
  nextWake(): Instant | undefined;
  /** Runs what may run now, without a wake of its own: call it when the process is awake for another reason.
   * @returns what has to be awaited before the device may sleep; `undefined` when there is nothing.
   */
  runDue(): Promise<void> | undefined;
  /** Takes every deadline back and disarms the sources. */
  clear(): void;
  /** How many deadlines there are. */
  readonly size: number;
  readonly counters: SchedulerCounters;
}

/** Makes a {@link Scheduler}. After a long sleep it runs everything that came due, once and in order, at one wake;
 * what is set for a time that has passed meanwhile runs at the next wake, which comes at once.
 */
export function createScheduler(options: SchedulerOptions): Scheduler {
  return new LaneScheduler(options);
}

interface Job {
  readonly key: string;
  readonly order: number;
  readonly lane: WakeLane<Job>;
  place: LanePlace<Job> | undefined;
  readonly priority: number;
  deadline: Deadline;
  run: DueWork;
}

class LaneScheduler implements Scheduler {
  readonly #clock: Clock;
  readonly #timer: WakeSource;
  readonly #alarm: WakeSource | undefined;
  readonly #alarmBeyondMs: number;
  readonly #processLane = new WakeLane<Job>();
  readonly #deviceLane = new WakeLane<Job>();
  readonly #jobs = new Map<string, Job>();
  #registered = 0;
  #running = false;
  #wakeUps = 0;
  #runs = 0;
  #arms = 0;

  constructor(options: SchedulerOptions) {
    this.#clock = options.clock;
    this.#timer = options.timer ?? timerWakeSource(options.clock);
    this.#alarm = options.alarm;
    this.#alarmBeyondMs = options.alarmBeyondMs ?? DEFAULT_ALARM_BEYOND_MS;
  }

  get size(): number {
    return this.#jobs.size;
  }

  get counters(): SchedulerCounters {
    return { wakeUps: this.#wakeUps, runs: this.#runs, arms: this.#arms };
  }

  schedule(key: string, deadline: Deadline, run: DueWork, priority: number = 0): void {
    requireDeadline(key, deadline);
    const known = this.#jobs.get(key);
    if (known !== undefined && known.priority === priority && isSame(known.deadline, deadline)) {
      known.deadline = deadline;
      known.run = run;
      return;
    }
    if (known !== undefined) this.#forget(known);
    const lane = deadline.wake === 'device' && this.#alarm ? this.#deviceLane : this.#processLane;
    const order = this.#registered++;
    const job: Job = { key, order, lane, place: undefined, priority, deadline, run };
    job.place = lane.add(deadline, job);
    this.#jobs.set(key, job);
    this.#rearm();
  }

  cancel(key: string): boolean {
    const job = this.#jobs.get(key);
    if (job === undefined) return false;
    this.#forget(job);
    this.#rearm();
    return true;
  }

  deadlineOf(key: string): Deadline | undefined {
    return this.#jobs.get(key)?.deadline;
  }

  nextWake(): Instant | undefined {
    const process = this.#processLane.armedAt;
    const device = this.#deviceLane.armedAt;
    if (process === undefined || device === undefined) return process ?? device;
    return instantFromMs(Math.min(process, device));
  }

  clear(): void {
    for (const job of this.#jobs.values()) this.#forget(job);
    this.#rearm();
  }

  runDue(): Promise<void> | undefined {
    if (this.#running) return undefined;
    const now = this.#clock.now();
    const working: Promise<void>[] = [];
    this.#running = true;
    try {
      for (const job of this.#dueInOrder(now)) {
        // One that ran before may have cancelled or replaced it.
        if (this.#jobs.get(job.key) !== job) continue;
        this.#forget(job);
        this.#runs += 1;
        const { deadline } = job;
        const work = job.run({ now, deadline, lateMs: msBetween(deadline.at, now) });
        if (work) working.push(work);
      }
    } finally {
      // When one throws, the rest is still there and runs at the next wake.
      this.#running = false;
      this.#rearm();
    }
    return working.length === 0 ? undefined : Promise.all(working).then(() => undefined);
  }

  #dueInOrder(now: Instant): readonly Job[] {
    const due: Job[] = [];
    for (const lane of [this.#deviceLane, this.#processLane]) {
      lane.visitDue(now, (job) => {
        due.push(job);
      });
    }
    return due.sort(
      (a, b) => a.priority - b.priority || a.deadline.at - b.deadline.at || a.order - b.order,
    );
  }

  #forget(job: Job): void {
    this.#jobs.delete(job.key);
    if (job.place !== undefined) job.lane.remove(job.place);
  }

  #rearm(): void {
    // During a catch-up the heads change with every deadline that runs; only the last state is worth an arming.
    if (this.#running) return;
    const deviceWake = this.#deviceLane.chooseWake();
    this.#arm(this.#deviceLane, deviceWake, this.#sourceForDevice(deviceWake));
    this.#arm(this.#processLane, this.#chooseProcessWake(deviceWake), this.#timer);
  }

  #arm(lane: WakeLane<Job>, at: Instant | undefined, source: WakeSource): void {
    const armed = lane.arm(at, source, () => {
      this.#wakeUps += 1;
      return this.runDue();
    });
    if (armed) this.#arms += 1;
  }

  /** A process that is woken within the tolerances by the device's alarm needs no timer of its own. */
  #chooseProcessWake(deviceWake: Instant | undefined): Instant | undefined {
    const wake = this.#processLane.chooseWake();
    const closing = this.#processLane.firstClosing;
    if (wake === undefined || closing === undefined || deviceWake === undefined) return wake;
    return wake <= deviceWake && deviceWake <= closing ? undefined : wake;
  }

  #sourceForDevice(wake: Instant | undefined): WakeSource {
    if (this.#alarm === undefined || wake === undefined) return this.#timer;
    return msBetween(this.#clock.now(), wake) > this.#alarmBeyondMs ? this.#alarm : this.#timer;
  }
}

function isSame(a: Deadline, b: Deadline): boolean {
  return a.at === b.at && a.toleranceMs === b.toleranceMs && a.wake === b.wake;
}

function requireDeadline(key: string, { at, toleranceMs }: Deadline): void {
  if (!Number.isFinite(at)) {
    throw new RangeError(`deadline of "${key}": "at" expected a finite instant, got ${at}`);
  }
  if (!Number.isFinite(toleranceMs) || toleranceMs < 0) {
    throw new RangeError(
      `deadline of "${key}": "toleranceMs" expected 0 or more, got ${toleranceMs}`,
    );
  }
}
