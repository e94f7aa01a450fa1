import { msBetween } from '@ipsec-kit/clock';
import {
  CLOCK_BOOTTIME,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_REALTIME,
  loadPosix,
  loadTimerCalls,
  type Posix,
  type TimerCalls,
} from '@ipsec-kit/posix';
import type { WakeSource } from '@ipsec-kit/scheduler';
import type { BoottimeClock } from './boottime-clock.ts';
import { sharedPoller } from './descriptor-poller.ts';

/** Lateness of a ring from which the process was stopped meanwhile; below that it is merely busy. */
const STOPPED_FROM_MS = 2_000;

/** An alarm of the device as a wake source. */
export interface TimerfdAlarm {
  readonly source: WakeSource<'boottime'>;
  /** Whether it wakes a sleeping device. */
  readonly wakesDevice: boolean;
  /** One sentence when it does not. */
  readonly limit?: string;
  /** Gives its descriptors back. */
  close(): void;
}

/** Makes an alarm of a timerfd on CLOCK_BOOTTIME_ALARM, which wakes the device; without CAP_WAKE_ALARM one on CLOCK_BOOTTIME, which
 * expires at the resume if its time came during the sleep, and says so. It also notices every resume at once, and tells the
 * clock, so that sleep events do not wait for a timer.
 *
 * The kernel keeps the device awake for the wake itself; work that takes longer needs a wake lock of the system
 * (`/sys/power/wake_lock`, or an inhibitor of the session manager).
 * @returns the alarm; or one sentence why there is none, and the clock's own timers serve alone.
 */
export function createTimerfdAlarm(
  clock: BoottimeClock,
):
  | { readonly ok: true; readonly alarm: TimerfdAlarm }
  | { readonly ok: false; readonly reason: string } {
  const timers = loadTimerCalls();
  if (!timers.ok) return timers;
  const loaded = loadPosix();
  if (!loaded.ok) return loaded;
  const { calls } = timers;
  const { posix } = loaded;
  const opened = openTimers(calls, posix);
  if ('reason' in opened) return { ok: false, reason: opened.reason };
  const { fd, jumps, limit } = opened;
  const poller = sharedPoller(posix);
  let armed: (() => Promise<void> | undefined) | undefined;
  let armedFor = clock.now();
  let stopTimer: (() => void) | undefined;
  let stopJumps: (() => void) | undefined;

  // The poll, and with it the process, lives only while something is armed.
  const rest = (): void => {
    armed = undefined;
    stopTimer?.();
    stopJumps?.();
    stopTimer = undefined;
    stopJumps = undefined;
  };
  const onTimer = (): void => {
    if (calls.readTimerfd(fd) !== 'expired') return;
    const fire = armed;
    rest();
    // A ring that comes late says that the process was stopped, before the signal that tells it to go on is handled.
    clock.checkSleep(msBetween(armedFor, clock.now()) >= STOPPED_FROM_MS);
    // There is no lock of this process to hold here; a rejection stays unhandled, as an error in any timer does.
    void fire?.();
  };
  const onJump = (): void => {
    if (calls.readTimerfd(jumps) === 'cancelled') calls.watchClockJumps(jumps);
    clock.checkSleep();
  };
  const source: WakeSource<'boottime'> = {
    name: limit === undefined ? 'timerfd-alarm' : 'timerfd',
    arm(at, fire) {
      rest();
      armed = fire;
      armedFor = at;
      calls.armTimerfd(fd, msBetween(clock.now(), at));
      calls.watchClockJumps(jumps);
      stopTimer = poller.watch(fd, onTimer);
      stopJumps = poller.watch(jumps, onJump);
      return () => {
        if (armed !== fire) return;
        calls.disarmTimerfd(fd);
        rest();
      };
    },
  };
  return {
    ok: true,
    alarm: {
      source,
      wakesDevice: limit === undefined,
      ...(limit === undefined ? {} : { limit }),
      close() {
        rest();
        posix.close(fd);
        posix.close(jumps);
      },
    },
  };
}

/** What is armed, and what tells of resumes; both or neither stay open. */
function openTimers(
  calls: TimerCalls,
  posix: Posix,
):
  | { readonly fd: number; readonly jumps: number; readonly limit?: string }
  | { readonly reason: string } {
  let opened: { readonly fd: number; readonly limit?: string } | undefined;
  try {
    opened = openTimer(calls);
    return { ...opened, jumps: calls.timerfd(CLOCK_REALTIME) };
  } catch (error) {
    if (opened) posix.close(opened.fd);
    return { reason: messageOf(error) };
  }
}

function openTimer(calls: TimerCalls): { readonly fd: number; readonly limit?: string } {
  try {
    return { fd: calls.timerfd(CLOCK_BOOTTIME_ALARM) };
  } catch (error) {
    const limit = `the device is not woken by this process: give it CAP_WAKE_ALARM, on a device with a real-time clock (${messageOf(error)})`;
    return { fd: calls.timerfd(CLOCK_BOOTTIME), limit };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
