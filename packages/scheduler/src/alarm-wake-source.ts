import { addMs, type CancelWake, type Clock, type Instant, msBetween } from '@ipsec-kit/clock';
import type { WakeSource } from './wake-source.ts';

/** Longest time that one wake may hold the device, unless told otherwise: work that hangs must not empty the battery. */
const DEFAULT_LONGEST_HOLD_MS = 30_000;

/** An alarm of the operating system, such as Android's AlarmManager, as an embedding program provides it. */
export interface DeviceAlarm<Source extends string = string> {
  /** Sets the one alarm, in place of the one before, `inMs` milliseconds from now, which is at `at`.
   * @param fire - to be called when it rings; late is allowed, early and never is coped with.
   */
  set(inMs: number, at: Instant<Source>, fire: () => void): void;
  /** Takes the alarm back. */
  cancel(): void;
  /** Keeps the device awake until the returned function is called: a partial wake lock. */
  hold(): () => void;
}

/** What wakes the device, and for how long one wake may hold it. */
export interface AlarmWakeSourceOptions<Source extends string = string> {
  /** The clock that the alarm follows, and on which a hold that hangs is ended. */
  readonly clock: Clock<Source>;
  readonly alarm: DeviceAlarm<NoInfer<Source>>;
  /** For status and logs; default `alarm`. */
  readonly name?: string;
  /** Longest time that one wake holds the device; default 30 000 ms. */
  readonly longestHoldMs?: number;
  /** Told when a hold was ended although its work was not done. */
  readonly onOverrun?: (heldMs: number) => void;
}

/** Makes a wake source of an alarm that can wake the device. The device is held from the ring until the work that the ring has
 * started is *done*, not merely queued: sleeping in between is how rekeys come hours late.
 */
export function alarmWakeSource<Source extends string>(
  options: AlarmWakeSourceOptions<Source>,
): WakeSource<Source> {
  const { clock, alarm, name = 'alarm' } = options;
  return {
    name,
    arm(at: Instant<Source>, fire: () => Promise<void> | undefined): CancelWake {
      let isOver = false;
      const onRing = (): void => {
        // Some alarms ring although they were taken back a moment before.
        if (isOver) return;
        isOver = true;
        holdWhile(options, fire);
      };
      alarm.set(Math.max(0, msBetween(clock.now(), at)), at, onRing);
      return () => {
        if (isOver) return;
        isOver = true;
        alarm.cancel();
      };
    },
  };
}

function holdWhile<Source extends string>(
  { clock, alarm, longestHoldMs, onOverrun }: AlarmWakeSourceOptions<Source>,
  fire: () => Promise<void> | undefined,
): void {
  const release = alarm.hold();
  let work: Promise<void> | undefined;
  try {
    work = fire();
  } finally {
    if (work === undefined) release();
  }
  if (work === undefined) return;
  const heldSince = clock.now();
  let isHeld = true;
  const endHold = (): void => {
    if (!isHeld) return;
    isHeld = false;
    stopWatch();
    release();
  };
  const stopWatch = clock.wakeAt(addMs(heldSince, longestHoldMs ?? DEFAULT_LONGEST_HOLD_MS), () => {
    endHold();
    onOverrun?.(msBetween(heldSince, clock.now()));
  });
  // Both ways; a rejection goes on to whoever watches over unhandled ones.
  void work.finally(endHold);
}
