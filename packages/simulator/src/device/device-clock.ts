import {
  addMs,
  type CancelWake,
  type Clock,
  createHostClock,
  type Instant,
  instantFromMs,
  type SleepAwareClock,
  uptimeSleepMeter,
} from '@ipsec-kit/clock';
import type { DeviceCpu } from './device-cpu.ts';
import type { DeviceClockKind } from './device-settings.ts';
import type { DeviceTimers } from './device-timers.ts';
import { wakeOnReading } from './wake-on-reading.ts';

/** Below twice this a difference of two readings is a sum of fractions, not sleep. */
const NOISE_MS = 0.001;

/** The clock of a program on a device, and whether the program is spinning on it now. */
export interface DeviceClock {
  readonly clock: Clock<'device'> | SleepAwareClock<'device'>;
  /** Tells when a busy loop begins and ends; never where waiting is waiting. */
  onSpin?: (listener: (isSpinning: boolean) => void) => void;
}

/** Makes the clock that a program on the device reads and waits on. */
export function createDeviceClock(
  kind: DeviceClockKind,
  world: Clock,
  cpu: DeviceCpu,
  timers: DeviceTimers,
): DeviceClock {
  switch (kind) {
    case 'suspend-aware':
      return { clock: suspendAwareClock(cpu, timers) };
    case 'monotonic':
      return { clock: monotonicClock(timers) };
    case 'spinning': {
      const clock = new SpinningClock(world, cpu);
      return { clock, onSpin: (listener) => clock.onSpin(listener) };
    }
  }
}

/** The clock of a real host, on the two readings and the timers of this device. */
function suspendAwareClock(cpu: DeviceCpu, timers: DeviceTimers): SleepAwareClock<'device'> {
  return createHostClock<'device'>({
    host: {
      monotonicMs: () => cpu.monotonicMs,
      otherMs: () => cpu.boottimeMs,
      startTimer: (delayMs, fire) => timers.wakeAt(addMs(timers.now(), delayMs), fire),
    },
    meter: uptimeSleepMeter(cpu.monotonicMs, cpu.boottimeMs, NOISE_MS),
  });
}

function monotonicClock(timers: DeviceTimers): Clock<'device'> {
  return {
    now: () => instantFromMs<'device'>(timers.now()),
    wakeAt: (at, wake) => timers.wakeAt(instantFromMs<'monotonic'>(at), wake),
  };
}

interface Waiting {
  readonly wake: () => void;
}

/** Waits by asking the time for ever: the loop is accounted for, not stepped through. */
class SpinningClock implements Clock<'device'> {
  readonly #world: Clock;
  readonly #cpu: DeviceCpu;
  readonly #waiting = new Set<Waiting>();
  /** What came due while the device slept. */
  readonly #due = new Set<Waiting>();
  readonly #listeners: ((isSpinning: boolean) => void)[] = [];

  constructor(world: Clock, cpu: DeviceCpu) {
    this.#world = world;
    this.#cpu = cpu;
    cpu.onChange((isAwake) => {
      if (isAwake) for (const waiting of this.#due) this.#run(waiting);
    });
  }

  now(): Instant<'device'> {
    return instantFromMs<'device'>(this.#cpu.boottimeMs);
  }

  wakeAt(at: Instant<'device'>, wake: () => void): CancelWake {
    const waiting: Waiting = { wake };
    const cancel = wakeOnReading(
      this.#world,
      () => this.#cpu.boottimeMs,
      at,
      () => {
        if (this.#cpu.isAwake) this.#run(waiting);
        else this.#due.add(waiting);
      },
    );
    this.#waiting.add(waiting);
    this.#tell();
    return () => {
      cancel();
      this.#due.delete(waiting);
      this.#waiting.delete(waiting);
      this.#tell();
    };
  }

  onSpin(listener: (isSpinning: boolean) => void): void {
    this.#listeners.push(listener);
  }

  #run(waiting: Waiting): void {
    this.#due.delete(waiting);
    this.#waiting.delete(waiting);
    waiting.wake();
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.#waiting.size > 0);
  }
}
