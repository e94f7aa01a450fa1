import { addMs, type CancelWake, type Clock, type Instant, msBetween } from '@ipsec-kit/clock';
import type { WakeCause } from './device-settings.ts';

/** The CPU of a device: awake, or asleep with its monotonic time standing still. It sleeps when the time of its last wake is
 * over and nothing holds it.
 */
export class DeviceCpu {
  readonly #world: Clock;
  readonly #startedAt: Instant;
  readonly #listeners: ((isAwake: boolean, cause: WakeCause | undefined) => void)[] = [];
  readonly #wakeUps: Record<WakeCause, number> = { packet: 0, alarm: 0, chance: 0, user: 0 };
  #awakeUntil: Instant;
  /** When it last fell asleep; `undefined` while it is awake. */
  #asleepSince: Instant | undefined;
  #asleepMs = 0;
  #holds = 0;
  #heldMs = 0;
  #heldSince: Instant | undefined;
  #cancelSleep: CancelWake | undefined;

  /** @param world - the time that always passes. @param awakeMs - how long it is awake from now on. */
  constructor(world: Clock, awakeMs: number) {
    this.#world = world;
    this.#startedAt = world.now();
    this.#awakeUntil = addMs(this.#startedAt, awakeMs);
    this.#sleepInTime();
  }

  get isAwake(): boolean {
    return this.#asleepSince === undefined;
  }

  /** Milliseconds since it was made: what CLOCK_BOOTTIME shows. */
  get boottimeMs(): number {
    return msBetween(this.#startedAt, this.#world.now());
  }

  get asleepMs(): number {
    const since = this.#asleepSince;
    return this.#asleepMs + (since === undefined ? 0 : msBetween(since, this.#world.now()));
  }

  /** Milliseconds awake since it was made: what CLOCK_MONOTONIC shows. */
  get monotonicMs(): number {
    return this.boottimeMs - this.asleepMs;
  }

  /** How long it was held awake in all. */
  get heldMs(): number {
    const since = this.#heldSince;
    return this.#heldMs + (since === undefined ? 0 : msBetween(since, this.#world.now()));
  }

  /** How often it woke from sleep, by what woke it. */
  get wakeUps(): Readonly<Record<WakeCause, number>> {
    return { ...this.#wakeUps };
  }

  /** Tells when it wakes (and why) or falls asleep, in the order of registration. */
  onChange(listener: (isAwake: boolean, cause: WakeCause | undefined) => void): void {
    this.#listeners.push(listener);
  }

  /** Is awake from now on, for `forMs` at least. */
  wake(cause: WakeCause, forMs: number): void {
    const until = addMs(this.#world.now(), forMs);
    if (until > this.#awakeUntil) this.#awakeUntil = until;
    if (this.#asleepSince === undefined) return;
    this.#asleepMs = this.asleepMs;
    this.#asleepSince = undefined;
    this.#wakeUps[cause] += 1;
    this.#sleepInTime();
    this.#tell(cause);
  }

  /** Stays awake until what this returns is called: a wake lock. It wakes nobody that sleeps. */
  hold(): () => void {
    if (this.#holds === 0) this.#heldSince = this.#world.now();
    this.#holds += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holds -= 1;
      if (this.#holds > 0) return;
      this.#heldMs = this.heldMs;
      this.#heldSince = undefined;
      this.#sleepInTime();
    };
  }

  #sleepInTime(): void {
    if (this.#asleepSince !== undefined || this.#holds > 0) return;
    this.#cancelSleep ??= this.#world.wakeAt(this.#awakeUntil, () => {
      this.#cancelSleep = undefined;
      if (this.#holds > 0) return;
      if (this.#world.now() < this.#awakeUntil) this.#sleepInTime();
      else this.#sleep();
    });
  }

  #sleep(): void {
    this.#asleepSince = this.#world.now();
    this.#tell(undefined);
  }

  #tell(cause: WakeCause | undefined): void {
    for (const listener of this.#listeners) listener(this.isAwake, cause);
  }
}
