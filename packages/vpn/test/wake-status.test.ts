import { addMs, VirtualClock } from '@ipsec-kit/clock';
import { createScheduler } from '@ipsec-kit/scheduler';
import { describe, expect, it } from 'vitest';
import { wakeStatus } from '../src/wake-status.ts';

describe('what waking costs', () => {
  it('is told by reason and by the hour, with the next wake and what it is for', () => {
    const clock = new VirtualClock();
    const since = clock.now();
    const scheduler = createScheduler({ clock });
    const again = (name: string, everyMs: number): void =>
      scheduler.schedule(
        name,
        { name, at: addMs(clock.now(), everyMs), toleranceMs: 0, wake: 'process' },
        () => again(name, everyMs),
      );
    again('nat-keepalive', 20_000);
    again('dpd', 100_000);
    expect(wakeStatus(scheduler, undefined, clock, since)).toEqual({
      source: 'timer',
      next: { inSeconds: 20, reason: 'nat-keepalive' },
      wakeUps: 0,
      costs: [],
    });
    clock.advanceBy(30 * 60_000 + 5_000);
    const status = wakeStatus(scheduler, undefined, clock, since);
    // Every fifth keepalive shares the wake of a DPD.
    expect(status).toMatchObject({ wakeUps: 90, wakeUpsPerHour: 180 });
    expect(status.next).toEqual({ inSeconds: 15, reason: 'nat-keepalive' });
    expect(status.costs.map(({ reason, runs }) => [reason, runs])).toEqual([
      ['nat-keepalive', 90],
      ['dpd', 18],
    ]);
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
