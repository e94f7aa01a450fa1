import {
  addMs,
  type CancelWake,
  type Deadline,
  type Instant,
  TimeQueue,
  type TimeQueueEntry,
} from '@ipsec-kit/clock';
import { OpeningTree, type OpeningTreeEntry } from './opening-tree.ts';
import type { WakeSource } from './wake-source.ts';

/** The places of one value in a lane: by the time from which it may run, and by the time until which it should. */
export interface LanePlace<T> {
  readonly opens: OpeningTreeEntry<T>;
  readonly closes: TimeQueueEntry<T>;
}

/** Deadlines that share their wakes, and the one arming that serves them all. */
export class WakeLane<T> {
  readonly #byOpening = new OpeningTree<T>();
  readonly #byClosing = new TimeQueue<T>();
  #armed: { readonly at: Instant; readonly cancel: CancelWake } | undefined;

  add(deadline: Deadline, value: T): LanePlace<T> {
    return {
      opens: this.#byOpening.add(deadline.at, value),
      closes: this.#byClosing.add(addMs(deadline.at, deadline.toleranceMs), value),
    };
  }

  remove(place: LanePlace<T>): void {
    this.#byOpening.remove(place.opens);
    this.#byClosing.remove(place.closes);
  }

  /** Visits what may run at `now`. */
  visitDue(now: Instant, visit: (value: T) => void): void {
    this.#byOpening.visitUntil(now, visit);
  }

  /** When to wake next. The deadline that closes first sets the limit, and everything that opens until then can ride
   * along; the wake is when the last of those opens, so that nothing waits longer than sharing takes.
   * No choice of wakes within the tolerances is smaller in number.
   */
  chooseWake(): Instant | undefined {
    const limit = this.#byClosing.first?.at;
    return limit === undefined ? undefined : this.#byOpening.lastUntil(limit)?.at;
  }

  /** When the first deadline of the lane closes: the latest wake that keeps all tolerances. */
  get firstClosing(): Instant | undefined {
    return this.#byClosing.first?.at;
  }

  /** What closes first, and so decides when the next wake is. */
  get head(): T | undefined {
    return this.#byClosing.first?.value;
  }

  /** When the lane has armed a source for, or `undefined`. */
  get armedAt(): Instant | undefined {
    return this.#armed?.at;
  }

  /** Arms `source` for `at`; `undefined` disarms. An arming for the same instant stays as it is, on whatever source.
   * @returns whether a source had to be armed.
   */
  arm(
    at: Instant | undefined,
    source: WakeSource,
    fire: (at: Instant) => Promise<void> | undefined,
  ): boolean {
    if (this.#armed?.at === at) return false;
    this.#armed?.cancel();
    this.#armed = undefined;
    if (at === undefined) return false;
    const cancel = source.arm(at, () => {
      this.#armed = undefined;
      return fire(at);
    });
    this.#armed = { at, cancel };
    return true;
  }
}
