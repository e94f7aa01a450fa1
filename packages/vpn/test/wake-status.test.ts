import { addMs, VirtualClock, type WakeClass } from '@ipsec-kit/clock';
import { createScheduler } from '@ipsec-kit/scheduler';
import { describe, expect, it } from 'vitest';
import { wakeStatus } from '../src/wake-status.ts';

describe('what waking costs', () => {
  it('is told by reason and by the hour, with the next wake and what it is for', () => {
    const clock = new VirtualClock();
    const since = clock.now();
    const alarm = { source: { name: 'alarm', arm: clock.wakeAt.bind(clock) } };
    const scheduler = createScheduler({ clock, alarm: alarm.source });
    const again = (name: string, everyMs: number, wake: WakeClass): void =>
      scheduler.schedule(
        name,
        { name, at: addMs(clock.now(), everyMs), toleranceMs: 0, wake },
        () => again(name, everyMs, wake),
      );
    again('nat-keepalive', 20_000, 'device');
    again('dpd', 100_000, 'device');
    again('one-way-watch', 1_500, 'process');
    expect(wakeStatus(scheduler, alarm, clock, since)).toEqual({
      source: 'alarm',
      wakeUps: 0,
      nextWakeUp: { inSeconds: 20, reason: 'nat-keepalive' },
      timers: 0,
      next: { inSeconds: 1.5, reason: 'one-way-watch' },
      costs: [],
    });
    clock.advanceBy(30 * 60_000 + 5_000);
    const status = wakeStatus(scheduler, alarm, clock, since);
    // Every fifth keepalive shares the wake of a DPD; a busy hour's timers count by themselves.
    expect(status).toMatchObject({ wakeUps: 90, wakeUpsPerHour: 179.5 });
    expect(status.timers).toBeGreaterThan(1_100);
    expect(status.nextWakeUp).toEqual({ inSeconds: 15, reason: 'nat-keepalive' });
    expect(status.costs.map(({ reason, runs }) => [reason, runs])).toEqual([
      ['nat-keepalive', 90],
      ['dpd', 18],
      ['one-way-watch', 1_203],
    ]);
    expect(status.costs.reduce((sum, { wakeUps }) => sum + wakeUps, 0)).toBe(90);
  });

  it('says why a sleeping device is not woken', () => {
    const clock = new VirtualClock();
    const alarm = {
      source: { name: 'timerfd', arm: () => () => undefined },
      limit: 'the device is not woken by this process: give it CAP_WAKE_ALARM',
    };
    expect(wakeStatus(createScheduler({ clock }), alarm, clock, clock.now())).toMatchObject({
      source: 'timerfd',
      limit: alarm.limit,
    });
  });
});
