import { type Clock, type Instant, msBetween } from '@ipsec-kit/clock';
import type { Scheduler } from '@ipsec-kit/scheduler';
import type { HostAlarm } from './platform.ts';

/** What waking costs: how often, what for, and what comes next. */
export interface WakeStatus {
  /** What wakes for deadlines that deserve it: `timerfd-alarm` wakes a sleeping device, `timerfd` and `timer` do not. */
  readonly source: string;
  /** One sentence when a sleeping device is not woken although there is an alarm. */
  readonly limit?: string;
  /** Absent while nothing waits. */
  readonly next?: { readonly inSeconds: number; readonly reason: string };
  readonly wakeUps: number;
  /** Of the time since the start; absent in the first minute. */
  readonly wakeUpsPerHour?: number;
  /** By reason, the most expensive first. */
  readonly costs: readonly {
    readonly reason: string;
    readonly wakeUps: number;
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
  scheduler: Pick<Scheduler, 'counters' | 'costs' | 'nextWakeReason'>,
  alarm: Pick<HostAlarm, 'source' | 'limit'> | undefined,
  clock: Pick<Clock, 'now'>,
  since: Instant,
): WakeStatus {
  const now = clock.now();
  const spanMs = msBetween(since, now);
  const next = scheduler.nextWakeReason();
  const { wakeUps } = scheduler.counters;
  return {
    source: alarm?.source.name ?? 'timer',
    ...(alarm?.limit === undefined ? {} : { limit: alarm.limit }),
    ...(next
      ? { next: { inSeconds: seconds(msBetween(now, next.at)), reason: next.deadline.name } }
      : {}),
    wakeUps,
    ...(spanMs < LEAST_SPAN_MS ? {} : { wakeUpsPerHour: Math.round((wakeUps * HOUR_MS) / spanMs) }),
    costs: scheduler.costs().map(({ name, wakeUps: own, runs, latestMs }) => ({
      reason: name,
      wakeUps: own,
      runs,
      latestSeconds: seconds(latestMs),
    })),
  };
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms / 100) / 10);
}
