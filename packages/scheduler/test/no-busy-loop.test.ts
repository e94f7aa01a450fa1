import {
  addMs,
  type Clock,
  createHostClock,
  type Deadline,
  type Instant,
  instantFromMs,
  VirtualClock,
  wallSleepMeter,
} from '@ipsec-kit/clock';
import {
  CatchUpOrder,
  createScheduler,
  createVirtualWakeSource,
  type SchedulerOptions,
  type WakeSource,
} from '@ipsec-kit/scheduler';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const HOUR_MS = 3_600_000;

const inMs = (clock: Clock, ms: number, extra: Partial<Deadline> = {}): Deadline => ({
  name: 'dpd',
  at: addMs(clock.now(), ms),
  toleranceMs: 0,
  wake: 'device',
  ...extra,
});

describe('a clock that jumps an hour back and forth', () => {
  it('never makes a busy loop, and never runs anything early', () => {
    const jump = fc.record({
      byMs: fc.constantFrom(HOUR_MS, -HOUR_MS),
      thenMs: fc.nat({ max: 30_000 }),
      delayMs: fc.nat({ max: 2 * HOUR_MS }),
    });
    fc.assert(
      fc.property(fc.array(jump, { minLength: 1, maxLength: 40 }), (jumps) => {
        const real = new VirtualClock();
        let aheadMs = 0;
        let timersStarted = 0;
        const host = {
          monotonicMs: () => real.now(),
          otherMs: () => real.now() + aheadMs,
          startTimer: (delayMs: number, fire: () => void) => {
            timersStarted += 1;
            return real.wakeAt(addMs(real.now(), delayMs), fire);
          },
        };
        const clock = createHostClock<'jumps'>({ host, meter: wallSleepMeter(0, 0) });
        const scheduler = createScheduler({ clock });
        let ran = 0;
        jumps.forEach(({ byMs, thenMs, delayMs }, index) => {
          scheduler.schedule(
            `${index}`,
            { ...inMs(clock, delayMs), at: addMs(clock.now(), delayMs) },
            (call) => {
              ran += 1;
              expect(call.lateMs).toBeGreaterThanOrEqual(0);
            },
          );
          aheadMs += byMs;
          real.advanceBy(thenMs);
        });
        expect(ran).toBeLessThanOrEqual(jumps.length);
        expect(scheduler.counters.wakeUps).toBeLessThanOrEqual(2 * jumps.length);
        expect(timersStarted).toBeLessThanOrEqual(real.now() / 10_000 + 4 * jumps.length);
      }),
    );
  });
});

describe('a wake source that follows another clock', () => {
  /** Rings as soon as time moves at all, whatever it was armed for: as a wait on a clock that is way ahead does. */
  function ringsAtOnce(clock: VirtualClock): WakeSource {
    return { name: 'ahead', arm: (_at, fire) => clock.wakeAt(clock.now(), () => void fire()) };
  }

  it('costs two wakes for each deadline, not a processor', () => {
    const clock = new VirtualClock({ maxWakesPerInstant: 100 });
    const scheduler = createScheduler({ clock, alarm: ringsAtOnce(clock) });
    const ran: number[] = [];
    scheduler.schedule('dpd', inMs(clock, 60_000), ({ now }) => {
      ran.push(now);
    });
    clock.advanceBy(HOUR_MS);
    expect(ran).toEqual([60_000]);
    expect(scheduler.counters).toMatchObject({ wakeUps: 3, runs: 1, arms: 3, earlyWakes: 2 });
  });

  it('does not type-check, when the clocks have names', () => {
    type Accepts<Alarm> =
      Alarm extends NonNullable<SchedulerOptions<'boottime'>['alarm']> ? true : false;
    const own: Accepts<WakeSource<'boottime'>> = true;
    const foreign: Accepts<WakeSource<'realtime'>> = false;
    expect([own, foreign]).toEqual([true, false]);
  });
});

describe('what waiting costs', () => {
  it('is counted by reason: the wake for what forced it, the run for each', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler({ clock });
    for (let i = 0; i < 3; i += 1) {
      scheduler.schedule(
        'a',
        inMs(clock, 20_000, { name: 'keepalive', toleranceMs: 1_000 }),
        () => {},
      );
      scheduler.schedule('b', inMs(clock, 20_500, { name: 'dpd', toleranceMs: 5_000 }), () => {});
      clock.advanceBy(30_000);
    }
    expect(scheduler.costs()).toEqual([
      { name: 'keepalive', wakeUps: 3, deviceWakeUps: 3, runs: 3, latestMs: 500 },
      { name: 'dpd', wakeUps: 0, deviceWakeUps: 0, runs: 3, latestMs: 0 },
    ]);
  });

  it.each([true, false])(
    'tells the times that the device had to be woken from the timers of a process that is awake (an alarm: %s)',
    (hasAlarm) => {
      const clock = new VirtualClock();
      const alarm = { name: 'alarm', arm: clock.wakeAt.bind(clock) };
      const scheduler = createScheduler({ clock, ...(hasAlarm ? { alarm } : {}) });
      const every = (name: string, ms: number, wake: 'device' | 'process'): void =>
        scheduler.schedule(name, inMs(clock, ms, { name, wake }), () => every(name, ms, wake));
      every('keepalive', 20_100, 'device');
      // The watch over a busy flow; a retransmission, which comes before any device would fall asleep.
      every('watch', 250, 'process');
      every('again', 3_000, 'device');
      every('lifetime', 50_000, 'process');
      clock.advanceBy(100_000);
      expect(scheduler.counters).toMatchObject({ deviceWakeUps: 4 });
      expect(scheduler.counters.wakeUps).toBeGreaterThan(400);
      expect(scheduler.costs().map((cost) => [cost.name, cost.deviceWakeUps])).toEqual([
        ['keepalive', 4],
        ['watch', 0],
        ['again', 0],
        ['lifetime', 0],
      ]);
    },
  );

  it('is put down to what the alarm was set for, not to what waited in the process meanwhile', () => {
    let now = instantFromMs(0);
    const clock = { now: () => now, wakeAt: () => () => {} };
    const alarm = createVirtualWakeSource();
    const scheduler = createScheduler({ clock, alarm });
    scheduler.schedule('a', inMs(clock, 20_000, { name: 'keepalive', wake: 'device' }), () => {});
    scheduler.schedule('b', inMs(clock, 250, { name: 'watch', wake: 'process' }), () => {});
    scheduler.schedule('c', inMs(clock, 25_000, { name: 'dpd', wake: 'device' }), () => {});
    expect(scheduler.nextWakeReason()?.deadline.name).toBe('watch');
    expect(scheduler.nextAlarmReason()).toMatchObject({
      at: 20_000,
      deadline: { name: 'keepalive' },
    });
    now = instantFromMs(20_000);
    alarm.fire();
    expect(scheduler.counters).toMatchObject({ wakeUps: 1, deviceWakeUps: 1, runs: 2 });
    expect(scheduler.costs()).toEqual([
      { name: 'keepalive', wakeUps: 1, deviceWakeUps: 1, runs: 1, latestMs: 0 },
      { name: 'watch', wakeUps: 0, deviceWakeUps: 0, runs: 1, latestMs: 19_750 },
    ]);
    expect(scheduler.nextAlarmReason()?.deadline.name).toBe('dpd');
  });

  it('is counted in bounded memory', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler({ clock });
    for (let i = 0; i < 500; i += 1) {
      scheduler.schedule('one', inMs(clock, 1, { name: `name ${i}` }), () => {});
      clock.advanceBy(1);
    }
    expect(scheduler.costs()).toHaveLength(65);
    expect(scheduler.costs()[0]).toMatchObject({ name: '(others)', wakeUps: 436, runs: 436 });
  });

  it('comes with the reason of the next wake', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler({ clock });
    expect(scheduler.nextWakeReason()).toBeUndefined();
    scheduler.schedule('b', inMs(clock, 20_500, { name: 'dpd', toleranceMs: 5_000 }), () => {});
    scheduler.schedule(
      'a',
      inMs(clock, 20_000, { name: 'keepalive', toleranceMs: 1_000 }),
      () => {},
    );
    const next = scheduler.nextWakeReason();
    expect([next?.at, next?.deadline.name]).toEqual([20_500, 'keepalive']);
  });
});

describe('CatchUpOrder', () => {
  it('puts the path first, soft before hard, IKE before Child, and questions about life last', () => {
    let now: Instant = new VirtualClock().now();
    let ring = (): void => {};
    const scheduler = createScheduler({
      clock: { now: () => now, wakeAt: () => () => {} },
      timer: {
        name: 'test',
        arm: (_at, fire) => {
          ring = () => void fire();
          return () => {};
        },
      },
    });
    const log: string[] = [];
    const names = Object.keys(CatchUpOrder) as (keyof typeof CatchUpOrder)[];
    // The other way round in time: what is most overdue must not win.
    [...names].reverse().forEach((name, index) => {
      const at = addMs(now, 1 + index);
      scheduler.schedule(
        name,
        { name, at, toleranceMs: 0, wake: 'process' },
        () => {
          log.push(name);
        },
        CatchUpOrder[name],
      );
    });
    now = addMs(now, HOUR_MS);
    ring();
    expect(log).toEqual([
      'path',
      'retransmission',
      'ikeSoftExpiry',
      'childSoftExpiry',
      'ikeHardExpiry',
      'childHardExpiry',
      'other',
      'liveness',
      'keepalive',
    ]);
  });
});
