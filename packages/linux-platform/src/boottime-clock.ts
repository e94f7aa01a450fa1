import {
  type ClockHost,
  createHostClock,
  type SleepAwareClock,
  uptimeSleepMeter,
} from '@ipsec-kit/clock';
import { CLOCK_BOOTTIME, CLOCK_MONOTONIC, loadTimerCalls } from '@ipsec-kit/posix';
import { onContinue } from './on-continue.ts';

/** A difference below twice this is the time between two readings, not sleep. */
const NOISE_MS = 1;

/** How a clock on CLOCK_BOOTTIME waits. */
export interface BoottimeClockOptions {
  /** Whether waiting keeps the process alive; default true. */
  readonly keepAlive?: boolean;
  /** Longest time that one timer runs before the clock is read again; default 10 000 ms. */
  readonly recheckMs?: number;
}

/** The clock of a Linux device: its instants are those of no other clock. */
export type BoottimeClock = SleepAwareClock<'boottime'>;

/** Makes a clock on CLOCK_BOOTTIME, which counts suspend to the nanosecond. Its timers stand still in suspend, as all of a process do:
 * only {@link createTimerfdAlarm} wakes the device.
 * @returns the clock; or one sentence why there is none, where `createSystemClock` of `@ipsec-kit/clock/system` does.
 */
export function createBoottimeClock(
  options: BoottimeClockOptions = {},
):
  | { readonly ok: true; readonly clock: BoottimeClock }
  | { readonly ok: false; readonly reason: string } {
  const loaded = loadTimerCalls();
  if (!loaded.ok) return loaded;
  const { calls } = loaded;
  let bootMs = 0;
  const host: ClockHost = {
    monotonicMs() {
      // In this order: a pause between the two makes it look as if less was slept, which is harmless and passes.
      bootMs = calls.clockMs(CLOCK_BOOTTIME);
      return calls.clockMs(CLOCK_MONOTONIC);
    },
    otherMs: () => bootMs,
    startTimer(delayMs, fire, unref) {
      const timer = setTimeout(fire, delayMs);
      if (unref) timer.unref();
      return () => clearTimeout(timer);
    },
  };
  const monotonicMs = host.monotonicMs();
  const meter = uptimeSleepMeter(monotonicMs, host.otherMs(), NOISE_MS);
  const clock = createHostClock<'boottime'>({ host, meter, ...options });
  return { ok: true, clock: tellingContinue(clock) };
}

/** SIGCONT says at once what late timers would say some seconds later. */
function tellingContinue(clock: BoottimeClock): BoottimeClock {
  return {
    now: () => clock.now(),
    wakeAt: (at, wake) => clock.wakeAt(at, wake),
    get sleptMs(): number {
      return clock.sleptMs;
    },
    checkSleep: (wasStopped) => clock.checkSleep(wasStopped),
    onSleep(listener) {
      const stop = clock.onSleep(listener);
      const stopContinue = onContinue(() => clock.checkSleep(true));
      return () => {
        stop();
        stopContinue();
      };
    },
  };
}
