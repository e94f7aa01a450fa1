import {
  addMs,
  type BrowserClockHost,
  createBrowserClock,
  createHostClock,
  type SleepAwareClock,
  type SleepEvent,
  wallSleepMeter,
} from '@ipsec-kit/clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostComputer } from './host-computer.ts';

const HOUR_MS = 3_600_000;

function setUp(recheckMs = 10_000): {
  host: HostComputer;
  clock: SleepAwareClock<'test'>;
  events: SleepEvent<'test'>[];
} {
  const host = new HostComputer();
  const meter = wallSleepMeter(host.monotonicMs(), host.otherMs());
  const clock = createHostClock<'test'>({ host, meter, recheckMs });
  const events: SleepEvent<'test'>[] = [];
  return { host, clock, events };
}

describe('sleep as an event', () => {
  it('says how long the device was suspended, within recheckMs of the resume', () => {
    const { host, clock, events } = setUp();
    clock.onSleep((event) => events.push(event));
    host.run(25_000);
    host.suspend(HOUR_MS);
    host.run(10_000);
    expect(events).toEqual([{ kind: 'suspended', sleptMs: HOUR_MS, at: HOUR_MS + 30_000 }]);
  });

  it('is told soon after somebody has read the clock, but not inside that', () => {
    const { host, clock, events } = setUp();
    clock.onSleep((event) => events.push(event));
    host.suspend(5_000);
    clock.now();
    expect(events).toEqual([]);
    host.run(1);
    expect(events.map(({ sleptMs }) => sleptMs)).toEqual([5_000]);
  });

  it('is told before the wake-ups that came due meanwhile', () => {
    const { host, clock } = setUp(1_000);
    const log: string[] = [];
    clock.onSleep(({ kind }) => log.push(kind));
    clock.wakeAt(addMs(clock.now(), 60_000), () => log.push('wake'));
    host.run(500);
    host.suspend(HOUR_MS);
    host.run(1_000);
    expect(log).toEqual(['suspended', 'wake']);
  });

  it('says that the program was stopped when its timers come late, once for all of them', () => {
    const { host, clock, events } = setUp();
    clock.onSleep((event) => events.push(event));
    clock.wakeAt(addMs(clock.now(), 12_000), () => {});
    clock.wakeAt(addMs(clock.now(), 13_000), () => {});
    host.run(1_000);
    host.stop(30_000);
    host.run(1);
    expect(events).toHaveLength(1);
    expect(events[0]?.kind).toBe('stopped');
    // At least what is sure, at most the time since the program was last seen to run.
    expect(events[0]?.sleptMs).toBeGreaterThanOrEqual(20_000);
    expect(events[0]?.sleptMs).toBeLessThanOrEqual(31_000);
  });

  it('says so at once when the process goes on, although no timer was due meanwhile', () => {
    const { host, clock, events } = setUp();
    clock.onSleep((event) => events.push(event));
    host.run(1_000);
    host.stop(6_000);
    clock.checkSleep(true);
    expect(events).toEqual([{ kind: 'stopped', sleptMs: 7_000, at: 7_000 }]);
    clock.checkSleep(true);
    expect(events).toHaveLength(1);
  });

  it('says so also when somebody looked for sleep just before', () => {
    const { host, clock, events } = setUp();
    clock.onSleep((event) => events.push(event));
    host.run(1_000);
    host.stop(6_000);
    clock.checkSleep();
    expect(events).toEqual([]);
    clock.checkSleep(true);
    expect(events).toEqual([{ kind: 'stopped', sleptMs: 7_000, at: 7_000 }]);
  });

  it('does not call a busy event loop a sleep', () => {
    const { host, clock, events } = setUp();
    clock.onSleep((event) => events.push(event));
    for (let i = 0; i < 50; i += 1) {
      host.run(9_000);
      host.stop(1_500);
    }
    clock.checkSleep();
    expect(events).toEqual([]);
  });

  it('is not told of sleep from before it listened, nor after it stopped', () => {
    const { host, clock, events } = setUp();
    host.suspend(60_000);
    const stop = clock.onSleep((event) => events.push(event));
    host.run(30_000);
    stop();
    host.suspend(60_000);
    clock.now();
    host.run(30_000);
    clock.checkSleep();
    expect(events).toEqual([]);
  });

  it('costs no timer while nobody listens', () => {
    const { host, clock } = setUp();
    const stop = clock.onSleep(() => {});
    stop();
    const before = host.timersStarted;
    host.run(HOUR_MS);
    host.suspend(HOUR_MS);
    clock.now();
    expect(host.timersStarted).toBe(before);
  });
});

describe('a clock that jumps', () => {
  const jump = fc.record({
    byMs: fc.constantFrom(HOUR_MS, -HOUR_MS, 1_500, -1_500, 0),
    thenMs: fc.nat({ max: 20_000 }),
    wakeInMs: fc.nat({ max: 2 * HOUR_MS }),
  });

  it('never goes back, never fires early, and never makes a busy loop', () => {
    fc.assert(
      fc.property(fc.array(jump, { maxLength: 40 }), (jumps) => {
        const { host, clock } = setUp(1_000);
        let wakes = 0;
        let before = clock.now();
        let elapsedMs = 0;
        for (const { byMs, thenMs, wakeInMs } of jumps) {
          const at = addMs(clock.now(), wakeInMs);
          clock.wakeAt(at, () => {
            wakes += 1;
            expect(clock.now()).toBeGreaterThanOrEqual(at);
          });
          host.wallMs += byMs;
          host.run(thenMs);
          elapsedMs += thenMs;
          expect(clock.now()).toBeGreaterThanOrEqual(before);
          before = clock.now();
        }
        // Each wait costs one timer a second, and one for its rest: nothing spins.
        const mostTimers = jumps.length * (elapsedMs / 1_000 + 2);
        expect(host.timersStarted).toBeLessThanOrEqual(mostTimers);
        expect(wakes).toBeLessThanOrEqual(jumps.length);
      }),
    );
  });
});

describe('createBrowserClock', () => {
  it('takes the global object as it is', () => {
    const browser: BrowserClockHost<ReturnType<typeof setTimeout>> = globalThis;
    expect(Object.keys(browser)).toContain('setTimeout');
  });

  it('counts sleep by the wall clock', () => {
    const host = new HostComputer();
    const clock = createBrowserClock({
      performance: { now: () => host.monotonicMs() },
      Date: { now: () => host.otherMs() },
      setTimeout: (fire: () => void, delayMs: number) => host.startTimer(delayMs, fire),
      clearTimeout: (stop) => stop(),
    });
    let fired = false;
    const cancel = clock.wakeAt(addMs(clock.now(), 20_000), () => {
      fired = true;
    });
    host.suspend(60_000);
    expect(clock.now()).toBe(60_000);
    expect(clock.sleptMs).toBe(60_000);
    host.run(10_000);
    expect(fired).toBe(true);
    cancel();
  });
});
