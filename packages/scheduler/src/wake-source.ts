import type { CancelWake, Clock, Instant } from '@ipsec-kit/clock';

/** Something that can wake the program at an instant of the scheduler's clock: a timer, an alarm of the device, a simulator. */
export interface WakeSource<Source extends string = string> {
  /** For status and logs: `timer`, `alarm`, `virtual`. */
  readonly name: string;
  /** Calls `fire` once, not before `at` and never synchronously. The scheduler has at most one arming at a time
   * and takes it back before the next.
   * @param fire - a source that can wake the device holds it awake until what this returns is settled: until the
   * work that was started is done, not merely queued.
   */
  arm(at: Instant<Source>, fire: () => Promise<void> | undefined): CancelWake;
}

/** The wake source of a process: `wakeAt` of the clock itself. It wakes no sleeping device. */
export function timerWakeSource<Source extends string>(clock: Clock<Source>): WakeSource<Source> {
  return {
    name: 'timer',
    arm: (at, fire) =>
      clock.wakeAt(at, () => {
        // Nothing to hold awake here; a rejection stays unhandled, as an error in any timer does.
        void fire();
      }),
  };
}

/** A wake source that fires only when it is told to: for event loops that wait by themselves, and for simulated devices. */
export interface VirtualWakeSource extends WakeSource {
  /** When it is armed for, or `undefined`. */
  readonly armedAt: Instant | undefined;
  /** How often it was armed. */
  readonly armCount: number;
  /** Fires what is armed, whatever the time; the caller has seen to it that the instant has come.
   * @returns what has to be awaited before the device may sleep again; `undefined` when there is nothing.
   */
  fire(): Promise<void> | undefined;
}

/** Makes a {@link VirtualWakeSource}. */
export function createVirtualWakeSource(name: string = 'virtual'): VirtualWakeSource {
  let armed: { readonly at: Instant; readonly fire: () => Promise<void> | undefined } | undefined;
  let armCount = 0;
  return {
    name,
    get armedAt(): Instant | undefined {
      return armed?.at;
    },
    get armCount(): number {
      return armCount;
    },
    arm(at, fire) {
      const own = { at, fire };
      armed = own;
      armCount += 1;
      return () => {
        if (armed === own) armed = undefined;
      };
    },
    fire() {
      const due = armed;
      armed = undefined;
      return due?.fire();
    },
  };
}
