import type { CancelWake } from './clock.ts';
import { type Instant, instantFromMs } from './instant.ts';
import type { SleepAwareClock, SleepEvent } from './sleep-event.ts';
import type { SleepMeter } from './slept-time.ts';

/** Longest delay that `setTimeout` takes; a longer one would fire after 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const DEFAULT_RECHECK_MS = 10_000;

/** Lateness of a timer from which the program is said to have been stopped; below that an event loop is merely busy. */
const STOPPED_FROM_MS = 2_000;

/** The readings and the timer that a clock of the running program stands on. */
export interface ClockHost {
  /** Fine; may or may not stand still in suspend. */
  monotonicMs(): number;
  /** The second reading that the meter compares with: uptime or wall time. */
  otherMs(): number;
  /** Calls `fire` once after about `delayMs` (1 to 2^31-1), never synchronously; returns how to take it back.
   * @param unref - the timer must not keep the program alive.
   */
  startTimer(delayMs: number, fire: () => void, unref: boolean): () => void;
}

/** What {@link createHostClock} is built from. */
export interface HostClockOptions {
  readonly host: ClockHost;
  readonly meter: SleepMeter;
  /** Whether waiting keeps the program alive; default true. */
  readonly keepAlive?: boolean;
  /** Longest time that one timer runs before the clock is read again; default 10 000 ms, `Infinity` for never. */
  readonly recheckMs?: number;
}

/** Makes a clock of a monotonic reading, a meter of sleep and a timer. It never goes back; `wakeAt` reads it again before it
 * fires, so nothing fires early; and a timer never runs for less than a millisecond or longer than the rest, so that
 * no jump of the other reading makes it spin.
 * @throws RangeError when `recheckMs` is less than 1.
 */
export function createHostClock<Source extends string>(
  options: HostClockOptions,
): SleepAwareClock<Source> {
  return new HostClock<Source>(options);
}

class HostClock<Source extends string> implements SleepAwareClock<Source> {
  readonly #host: ClockHost;
  readonly #meter: SleepMeter;
  readonly #unref: boolean;
  readonly #longestTimerMs: number;
  readonly #startMs: number;
  readonly #listeners = new Set<(event: SleepEvent<Source>) => void>();
  #latestMs = 0;
  #sleptMs = 0;
  #toldSleptMs = 0;
  /** When the program was last seen to run. */
  #ranAtMs: number;
  #stopHeartbeat: (() => void) | undefined;
  #isTelling = false;

  constructor({ host, meter, keepAlive, recheckMs }: HostClockOptions) {
    const longestMs = Math.min(recheckMs ?? DEFAULT_RECHECK_MS, MAX_TIMER_MS);
    if (!(longestMs >= 1)) {
      throw new RangeError(`"recheckMs" expected at least 1 ms, got ${recheckMs}`);
    }
    this.#host = host;
    this.#meter = meter;
    this.#unref = keepAlive === false;
    this.#longestTimerMs = longestMs;
    this.#startMs = host.monotonicMs();
    this.#ranAtMs = this.#startMs;
  }

  get sleptMs(): number {
    return this.#sleptMs;
  }

  now(): Instant<Source> {
    const monotonicMs = this.#host.monotonicMs();
    this.#sleptMs = this.#meter.sleptMs(monotonicMs, this.#host.otherMs());
    this.#latestMs = Math.max(this.#latestMs, monotonicMs - this.#startMs + this.#sleptMs);
    if (this.#sleptMs > this.#toldSleptMs && this.#listeners.size > 0) this.#tellSoon();
    return instantFromMs<Source>(this.#latestMs);
  }

  wakeAt(at: Instant<Source>, wake: () => void): CancelWake {
    if (Number.isNaN(at)) throw new RangeError('"at" expected an instant, got NaN');
    let stop: () => void;
    const arm = (): void => {
      // Rounded up: a timer that fires a fraction too early would only have to be armed again.
      stop = this.#startTimer(Math.ceil(at - this.now()), this.#unref, fire);
    };
    const fire = (): void => {
      if (this.now() < at) arm();
      else wake();
    };
    arm();
    return () => stop();
  }

  onSleep(listener: (event: SleepEvent<Source>) => void): () => void {
    // Its own object, so that one function can listen twice.
    const own = (event: SleepEvent<Source>): void => listener(event);
    if (this.#listeners.size === 0) {
      this.now();
      this.#toldSleptMs = this.#sleptMs;
    }
    this.#listeners.add(own);
    this.#stopHeartbeat ??= this.#heartbeat();
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size > 0) return;
      this.#stopHeartbeat?.();
      this.#stopHeartbeat = undefined;
    };
  }

  checkSleep(wasStopped: boolean = false): void {
    this.#tell(wasStopped ? Number.POSITIVE_INFINITY : undefined);
  }

  #startTimer(delayMs: number, unref: boolean, fire: () => void): () => void {
    const timerMs = Math.max(1, Math.min(delayMs, this.#longestTimerMs));
    const armedAtMs = this.#host.monotonicMs();
    return this.#host.startTimer(
      timerMs,
      () => {
        this.#tell(this.#host.monotonicMs() - armedAtMs - timerMs);
        fire();
      },
      unref,
    );
  }

  /** Keeps looking while somebody listens: nobody else may be waiting for anything. */
  #heartbeat(): () => void {
    let stop: () => void;
    const beat = (): void => {
      stop = this.#startTimer(this.#longestTimerMs, true, beat);
    };
    beat();
    return () => stop();
  }

  /** Sleep was seen while somebody read the clock: listeners must not run inside that reading. */
  #tellSoon(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#host.startTimer(
      1,
      () => {
        this.#isTelling = false;
        this.#tell(undefined);
      },
      true,
    );
  }

  /** @param lateMs - how much later than it should something of this program ran; `undefined` when nobody knows, and then whoever
   * does know is still to tell that the program was stopped.
   */
  #tell(lateMs: number | undefined): void {
    const at = this.now();
    const ranAtMs = this.#ranAtMs;
    if (lateMs !== undefined) this.#ranAtMs = this.#host.monotonicMs();
    const suspendedMs = this.#sleptMs - this.#toldSleptMs;
    this.#toldSleptMs = this.#sleptMs;
    if (suspendedMs > 0) this.#raise({ kind: 'suspended', sleptMs: suspendedMs, at });
    // Several timers that are late for one stop tell of it once.
    const unseenMs = Math.min(lateMs ?? 0, this.#ranAtMs - ranAtMs);
    if (unseenMs >= STOPPED_FROM_MS) this.#raise({ kind: 'stopped', sleptMs: unseenMs, at });
  }

  #raise(event: SleepEvent<Source>): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}
