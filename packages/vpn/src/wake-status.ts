import { type Clock, type Instant, msBetween } from '@ipsec-kit/clock';
import type { NextWake, Scheduler } from '@ipsec-kit/scheduler';
import type { HostAlarm } from './platform.ts';

/** What is waited for. */
interface NextDeadline {
  readonly inSeconds: number;
  readonly reason: string;
}

/** What waking costs: how often, what for, and what comes next. */
export interface WakeStatus {
  /** What wakes for deadlines that deserve it: `timerfd-alarm` wakes a sleeping device, `timerfd` and `timer` do not. */
  readonly source: string;
  /** One sentence when a sleeping device is not woken although there is an alarm. */
  readonly limit?: string;
  /** How often the device had to be woken, as far as this process decides; where none of its alarms does so, how often it would. */
  readonly wakeUps: number;
  /** Of the time since the start; absent in the first minute. */
  readonly wakeUpsPerHour?: number;
  /** The next of these and what it is for; absent while none waits, or where there is no alarm. */
  readonly nextWakeUp?: NextDeadline;
  /** Times that a timer of the process was enough, since the device was awake anyway. */
  readonly timers: number;
  /** The next deadline, whatever wakes for it; absent while nothing waits. */
  readonly next?: NextDeadline;
  /** By reason, the most expensive first. */
  readonly costs: readonly {
    readonly reason: string;
    /** Times that the device was woken for it. */
    readonly wakeUps: number;
    /** Times that a timer ran for it. */
    readonly timers: number;
    /** Times that it was served, at wakes of its own or of others. */
    readonly runs: number;
    readonly latestSeconds: number;
  }[];
}

/** Before this much time has passed, an hourly rate says nothing. */
const LEAST_SPAN_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Sums up what a scheduler has cost since `since`. */
export function wakeStatus(
  scheduler: Pick<Scheduler, 'counters' | 'costs' | 'nextWakeReason' | 'nextAlarmReason'>,
  alarm: Pick<HostAlarm, 'source' | 'limit'> | undefined,
  clock: Pick<Clock, 'now'>,
  since: Instant,
): WakeStatus {
  const now = clock.now();
  const spanMs = msBetween(since, now);
  const nextWakeUp = nextDeadline(now, scheduler.nextAlarmReason());
  const next = nextDeadline(now, scheduler.nextWakeReason());
  const { wakeUps: all, deviceWakeUps: wakeUps } = scheduler.counters;
  return {
    source: alarm?.source.name ?? 'timer',
    ...(alarm?.limit === undefined ? {} : { limit: alarm.limit }),
    wakeUps,
    ...(spanMs < LEAST_SPAN_MS ? {} : { wakeUpsPerHour: perHour(wakeUps, spanMs) }),
    ...(nextWakeUp ? { nextWakeUp } : {}),
    timers: all - wakeUps,
    ...(next ? { next } : {}),
    costs: scheduler.costs().map(({ name, wakeUps: own, deviceWakeUps, runs, latestMs }) => ({
      reason: name,
      wakeUps: deviceWakeUps,
      timers: own - deviceWakeUps,
      runs,
      latestSeconds: seconds(latestMs),
    })),
  };
}

function nextDeadline(now: Instant, next: NextWake | undefined): NextDeadline | undefined {
  return next && { inSeconds: seconds(msBetween(now, next.at)), reason: next.deadline.name };
}

/** An interval of minutes makes a rate that is no whole number, which one digit tells apart. */
function perHour(count: number, spanMs: number): number {
  return Math.round((count * HOUR_MS * 10) / spanMs) / 10;
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms / 100) / 10);
}
