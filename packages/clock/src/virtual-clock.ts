import type { CancelWake, Clock } from './clock.ts';
import { type Instant, instantFromMs } from './instant.ts';
import { TimeQueue } from './time-queue.ts';

/** Wake-ups at one instant after which {@link VirtualClock} calls it a busy loop. */
const DEFAULT_MAX_WAKES_PER_INSTANT = 100_000;

/** Where a virtual clock begins, and what it calls a busy loop. */
export interface VirtualClockOptions {
  /** Where time begins; 0 when absent. */
  readonly startMs?: number;
  /** Wake-ups that may run without time moving on: a machine that asks for a wake in the past for ever is found, not hung on. */
  readonly maxWakesPerInstant?: number;
}

/** A clock that moves only when it is told to: the same program, thousands of hours a second, the same order every time.
 * @example
 * const clock = new VirtualClock();
 * clock.wakeAt(addMs(clock.now(), 20_000), () => sendKeepalive());
 * clock.advanceBy(60_000);
 */
export class VirtualClock<Source extends string = string> implements Clock<Source> {
  readonly #wakes = new TimeQueue<() => void, Source>();
  readonly #maxWakesPerInstant: number;
  #now: Instant<Source>;
  #advancing = false;

  constructor(options: VirtualClockOptions = {}) {
    this.#now = instantFromMs(requireFinite('startMs', options.startMs ?? 0));
    this.#maxWakesPerInstant = options.maxWakesPerInstant ?? DEFAULT_MAX_WAKES_PER_INSTANT;
  }

  now(): Instant<Source> {
    return this.#now;
  }

  /** Registers a wake-up; it runs inside a later (or the running) `advanceTo`, never inside this call.
   * A wake for an instant that has passed counts as one for now, behind those that are registered for now already.
   */
  wakeAt(at: Instant<Source>, wake: () => void): CancelWake {
    const entry = this.#wakes.add(at > this.#now ? at : this.#now, wake);
    return () => {
      this.#wakes.remove(entry);
    };
  }

  /** When the next wake-up is due, or `undefined` when nobody waits. */
  nextWake(): Instant<Source> | undefined {
    return this.#wakes.first?.at;
  }

  /** How many wake-ups are registered. */
  get pendingWakes(): number {
    return this.#wakes.size;
  }

  /** Moves time to `at` and runs what is due on the way, each at its own instant: in order of time, then of registration.
   * Wake-ups that are registered while it runs take part. When a wake-up throws, time stands at its instant and the rest still waits.
   * @returns how many wake-ups ran.
   * @throws RangeError when `at` lies in the past; Error when it is called from inside a wake-up, or a busy loop is found.
   */
  advanceTo(at: Instant<Source>): number {
    requireFinite('at', at);
    if (at < this.#now) {
      throw new RangeError(`"at" expected an instant not before ${this.#now}, got ${at}`);
    }
    if (this.#advancing) {
      throw new Error('advanceTo was called from inside a wake-up: register another wake instead');
    }
    this.#advancing = true;
    try {
      const ran = this.#runUntil(at);
      this.#now = at;
      return ran;
    } finally {
      this.#advancing = false;
    }
  }

  /** {@link VirtualClock.advanceTo} `ms` milliseconds from now; 0 runs what is due already. */
  advanceBy(ms: number): number {
    return this.advanceTo(instantFromMs(this.#now + ms));
  }

  #runUntil(at: Instant<Source>): number {
    let ran = 0;
    let ranAtThisInstant = 0;
    for (let next = this.#wakes.first; next !== undefined && next.at <= at; ) {
      ranAtThisInstant = next.at > this.#now ? 1 : ranAtThisInstant + 1;
      if (ranAtThisInstant > this.#maxWakesPerInstant) {
        throw new Error(
          `busy loop: ${this.#maxWakesPerInstant} wake-ups ran at ${this.#now} ms without time moving on`,
        );
      }
      this.#now = next.at;
      this.#wakes.remove(next);
      next.value();
      ran += 1;
      next = this.#wakes.first;
    }
    return ran;
  }
}

function requireFinite(name: string, ms: number): number {
  if (!Number.isFinite(ms))
    throw new RangeError(`"${name}" expected finite milliseconds, got ${ms}`);
  return ms;
}
