import type { CancelWake, Clock, Instant } from '@ipsec-kit/clock';

interface Pending {
  readonly wake: () => void;
}

/** The clock of a host that may sleep: time passes as on the world's, but nothing is woken until the host is. Then all that
 * came due meanwhile is called at once, in the order of its time.
 */
export class HostClock implements Clock {
  readonly #world: Clock;
  #isAsleep = false;
  #due = new Set<Pending>();

  constructor(world: Clock) {
    this.#world = world;
  }

  get isAsleep(): boolean {
    return this.#isAsleep;
  }

  now(): Instant {
    return this.#world.now();
  }

  wakeAt(at: Instant, wake: () => void): CancelWake {
    const pending: Pending = { wake };
    const cancel = this.#world.wakeAt(at, () => {
      if (this.#isAsleep) this.#due.add(pending);
      else wake();
    });
    return () => {
      cancel();
      this.#due.delete(pending);
    };
  }

  sleep(): void {
    this.#isAsleep = true;
  }

  wake(): void {
    if (!this.#isAsleep) return;
    this.#isAsleep = false;
    // What one of them takes back is not called any more.
    for (const pending of this.#due) {
      this.#due.delete(pending);
      pending.wake();
    }
  }
}
