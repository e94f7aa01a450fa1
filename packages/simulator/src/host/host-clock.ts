import {
  type CancelWake,
  type Clock,
  type Instant,
  msBetween,
  type SleepAwareClock,
} from '@ipsec-kit/clock';

interface Pending {
  readonly wake: () => void;
}

/** The clock of a host that may sleep: time passes as on the world's, but nothing is woken until the host is. Then it tells for
 * how long, and all that came due meanwhile is called at once, in the order of its time.
 */
export class HostClock implements Clock {
  readonly #world: Clock | SleepAwareClock;
  readonly #sleepListeners: ((sleptMs: number) => void)[] = [];
  #asleepSince: Instant | undefined;
  #due = new Set<Pending>();

  /** @param world - the time that passes; one that is aware of sleep tells of the device's as well. */
  constructor(world: Clock | SleepAwareClock) {
    this.#world = world;
  }

  get isAsleep(): boolean {
    return this.#asleepSince !== undefined;
  }

  now(): Instant {
    return this.#world.now();
  }

  wakeAt(at: Instant, wake: () => void): CancelWake {
    const pending: Pending = { wake };
    const cancel = this.#world.wakeAt(at, () => {
      if (this.isAsleep) this.#due.add(pending);
      else wake();
    });
    return () => {
      cancel();
      this.#due.delete(pending);
    };
  }

  /** Calls `listener` with the length of each sleep, of the host or of the device, before anything that came due meanwhile. */
  onSleep(listener: (sleptMs: number) => void): void {
    this.#sleepListeners.push(listener);
    if (isSleepAware(this.#world)) this.#world.onSleep(({ sleptMs }) => listener(sleptMs));
  }

  /** Something has woken the program: tells of the sleep before, if any. */
  checkSleep(): void {
    if (this.#sleepListeners.length > 0 && isSleepAware(this.#world)) this.#world.checkSleep();
  }

  sleep(): void {
    this.#asleepSince ??= this.now();
  }

  wake(): void {
    const since = this.#asleepSince;
    if (since === undefined) return;
    this.#asleepSince = undefined;
    const sleptMs = msBetween(since, this.now());
    if (sleptMs > 0) for (const listener of this.#sleepListeners) listener(sleptMs);
    // What one of them takes back is not called any more.
    for (const pending of this.#due) {
      this.#due.delete(pending);
      pending.wake();
    }
  }
}

function isSleepAware(clock: Clock | SleepAwareClock): clock is SleepAwareClock {
  return 'onSleep' in clock;
}
