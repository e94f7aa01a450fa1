import {
  type Clock,
  type Deadline,
  type Instant,
  instantFromMs,
  msBetween,
} from '@ipsec-kit/clock';
import type {
  DueWork,
  NextWake,
  Scheduler,
  SchedulerCounters,
  SchedulerOptions,
} from './scheduler-contract.ts';
import { type WakeCost, WakeCosts } from './wake-costs.ts';
import { type LanePlace, WakeLane } from './wake-lane.ts';
import { timerWakeSource, type WakeSource } from './wake-source.ts';

/** Distance beyond which a deadline is worth an alarm: nearer ones are over before a device would fall asleep. */
const DEFAULT_ALARM_BEYOND_MS = 3_000;

/** Armings of one instant that a source may fire too early before the clock itself is waited on instead. */
const MOST_EARLY_WAKES = 2;

/** Makes a {@link Scheduler}. After a long sleep it runs everything that came due, once and in order, at one wake;
 * what is set for a time that has passed meanwhile runs at the next wake, which comes at once.
 */
export function createScheduler<Source extends string = string>(
  options: SchedulerOptions<Source>,
): Scheduler<Source> {
  // Inside there is but one clock, so its name does not matter any more.
  return new LaneScheduler(options) as Scheduler as Scheduler<Source>;
}

interface Job {
  readonly key: string;
  readonly order: number;
  readonly lane: WakeLane<Job>;
  place: LanePlace<Job> | undefined;
  readonly priority: number;
  /** Whether it was set for a time so far away that the device may be asleep by then. */
  readonly isFar: boolean;
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
  #deviceWakeUps = 0;
  #runs = 0;
  #arms = 0;
  #earlyWakes = 0;
  #early: { readonly at: Instant; readonly times: number } | undefined;
  readonly #costs = new WakeCosts();

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
    return {
      wakeUps: this.#wakeUps,
      deviceWakeUps: this.#deviceWakeUps,
      runs: this.#runs,
      arms: this.#arms,
      earlyWakes: this.#earlyWakes,
    };
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
    const isFar = this.#isFar(deadline.at);
    const job: Job = { key, order, lane, place: undefined, priority, isFar, deadline, run };
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

  nextWakeReason(): NextWake | undefined {
    const at = this.nextWake();
    const lane = this.#deviceLane.armedAt === at ? this.#deviceLane : this.#processLane;
    return reasonOfNext(lane);
  }

  nextAlarmReason(): NextWake | undefined {
    return reasonOfNext(this.#deviceLane);
  }

  costs(): readonly WakeCost[] {
    return this.#costs.list();
  }

  clear(): void {
    for (const job of this.#jobs.values()) this.#forget(job);
    this.#rearm();
  }

  runDue(): Promise<void> | undefined {
    return this.#run();
  }

  /** @param woken - the lane that was woken for, if this is a wake of its own. */
  #run(woken?: WakeLane<Job>): Promise<void> | undefined {
    if (this.#running) return undefined;
    const now = this.#clock.now();
    const working: Promise<void>[] = [];
    this.#running = true;
    try {
      const due = this.#dueInOrder(now);
      if (woken) this.#countWake(woken, due);
      for (const job of due) {
        // One that ran before may have cancelled or replaced it.
        if (this.#jobs.get(job.key) !== job) continue;
        this.#forget(job);
        this.#runs += 1;
        const { deadline } = job;
        const lateMs = msBetween(deadline.at, now);
        this.#costs.onRun(deadline.name, lateMs);
        const work = job.run({ now, deadline, lateMs });
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
    const isMistrusted = at === this.#early?.at && (this.#early?.times ?? 0) >= MOST_EARLY_WAKES;
    const trusted = isMistrusted ? timerWakeSource(this.#clock) : source;
    if (lane.arm(at, trusted, (armedFor) => this.#onFire(armedFor, lane))) this.#arms += 1;
  }

  #onFire(armedFor: Instant, lane: WakeLane<Job>): Promise<void> | undefined {
    if (this.#clock.now() >= armedFor) {
      this.#early = undefined;
    } else {
      // A source that follows another clock would fire at once for ever: the busy loop of deadlines that were read from one
      // clock and are waited for on another.
      this.#earlyWakes += 1;
      const times = this.#early?.at === armedFor ? this.#early.times + 1 : 1;
      this.#early = { at: armedFor, times };
    }
    return this.#run(lane);
  }

  #countWake(lane: WakeLane<Job>, due: readonly Job[]): void {
    // What came due in the other lane meanwhile rides along, however long it has waited.
    const reason = reasonOf(due.filter((job) => job.lane === lane));
    const isDeviceWake = reason?.deadline.wake === 'device' && reason.isFar;
    this.#wakeUps += 1;
    if (isDeviceWake) this.#deviceWakeUps += 1;
    if (reason) this.#costs.onWake(reason.deadline.name, isDeviceWake);
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
    return this.#isFar(wake) ? this.#alarm : this.#timer;
  }

  /** Whether a device that has nothing else to do is asleep by then. */
  #isFar(wake: Instant): boolean {
    return msBetween(this.#clock.now(), wake) > this.#alarmBeyondMs;
  }
}

function reasonOfNext(lane: WakeLane<Job>): NextWake | undefined {
  const at = lane.armedAt;
  const deadline = lane.head?.deadline;
  return at === undefined ? undefined : deadline && { at, deadline };
}

/** What forced the wake: of all that runs, what had least time left. */
function reasonOf(due: readonly Job[]): Job | undefined {
  let reason: Job | undefined;
  for (const job of due) {
    if (!reason || closingOf(job) < closingOf(reason)) reason = job;
  }
  return reason;
}

function closingOf({ deadline }: Job): number {
  return deadline.at + deadline.toleranceMs;
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
