import {
  type CancelWake,
  type Clock,
  type Instant,
  instantFromMs,
  TimeQueue,
} from '@ipsec-kit/clock';
import type { DeviceCpu } from './device-cpu.ts';
import { wakeOnReading } from './wake-on-reading.ts';

/** Timers of the programs on a device: they run on its monotonic time, and stand still while it sleeps. */
export class DeviceTimers implements Clock<'monotonic'> {
  readonly #world: Clock;
  readonly #cpu: DeviceCpu;
  readonly #queue = new TimeQueue<() => void, 'monotonic'>();
  #armed: { readonly at: Instant<'monotonic'>; readonly cancel: CancelWake } | undefined;

  constructor(world: Clock, cpu: DeviceCpu) {
    this.#world = world;
    this.#cpu = cpu;
    cpu.onChange(() => {
      this.#disarm();
      this.#arm();
    });
  }

  now(): Instant<'monotonic'> {
    return instantFromMs<'monotonic'>(this.#cpu.monotonicMs);
  }

  wakeAt(at: Instant<'monotonic'>, wake: () => void): CancelWake {
    const entry = this.#queue.add(at, wake);
    this.#arm();
    return () => {
      this.#queue.remove(entry);
    };
  }

  #arm(): void {
    const first = this.#queue.first;
    if (!first || !this.#cpu.isAwake) return;
    if (this.#armed && this.#armed.at <= first.at) return;
    this.#disarm();
    const { at } = first;
    const cancel = wakeOnReading(
      this.#world,
      () => this.#cpu.monotonicMs,
      at,
      () => this.#onTime(),
    );
    this.#armed = { at, cancel };
  }

  #disarm(): void {
    this.#armed?.cancel();
    this.#armed = undefined;
  }

  #onTime(): void {
    this.#armed = undefined;
    const first = this.#queue.first;
    if (first && first.at <= this.now()) {
      this.#queue.remove(first);
      // The next goes first into the world's queue: should this one throw, it is not lost.
      this.#arm();
      first.value();
    }
    this.#arm();
  }
}
