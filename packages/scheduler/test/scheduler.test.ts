import {
  addMs,
  type Clock,
  type Deadline,
  type Instant,
  instantFromMs,
  VirtualClock,
} from '@ipsec-kit/clock';
import { createScheduler, createVirtualWakeSource, type Scheduler } from '@ipsec-kit/scheduler';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const deadline = (at: number, extra: Partial<Deadline> = {}): Deadline => ({
  name: `at ${at}`,
  at: instantFromMs(at),
  toleranceMs: 0,
  wake: 'process',
  ...extra,
});

function setUp(): {
  clock: VirtualClock;
  scheduler: Scheduler;
  log: string[];
  add: (key: string, at: number, extra?: Partial<Deadline>, priority?: number) => void;
} {
  const clock = new VirtualClock();
  const scheduler = createScheduler({ clock });
  const log: string[] = [];
  const add = (key: string, at: number, extra?: Partial<Deadline>, priority?: number): void => {
    scheduler.schedule(
      key,
      deadline(at, extra),
      ({ now }) => {
        log.push(`${key}@${now}`);
      },
      priority,
    );
  };
  return { clock, scheduler, log, add };
}

/** The fewest wakes that keep all tolerances, found the slow way: over every choice of instants. */
function fewestWakes(deadlines: readonly Deadline[]): number {
  const candidates = [...new Set(deadlines.map((d) => d.at + d.toleranceMs))];
  let fewest = candidates.length;
  for (let set = 0; set < 2 ** candidates.length; set++) {
    const wakes = candidates.filter((_, index) => set & (1 << index));
    const keepsAll = deadlines.every((d) =>
      wakes.some((wake) => wake >= d.at && wake <= d.at + d.toleranceMs),
    );
    if (keepsAll) fewest = Math.min(fewest, wakes.length);
  }
  return fewest;
}

describe('scheduler', () => {
  it('runs each deadline once, at its time', () => {
    const { clock, scheduler, log, add } = setUp();
    add('b', 20);
    add('a', 10);
    clock.advanceBy(1000);
    expect(log).toEqual(['a@10', 'b@20']);
    expect(scheduler.size).toBe(0);
    expect(clock.pendingWakes).toBe(0);
  });

  it('replaces by key and cancels', () => {
    const { clock, scheduler, log, add } = setUp();
    add('a', 10);
    add('a', 30);
    add('b', 20);
    expect(scheduler.deadlineOf('a')?.at).toBe(30);
    expect(scheduler.cancel('b')).toBe(true);
    expect(scheduler.cancel('b')).toBe(false);
    clock.advanceBy(100);
    expect(log).toEqual(['a@30']);
  });

  it('takes over new work for a deadline that stays', () => {
    const { clock, scheduler, log, add } = setUp();
    add('a', 10);
    scheduler.schedule('a', deadline(10), () => {
      log.push('newer');
    });
    clock.advanceBy(10);
    expect(log).toEqual(['newer']);
    expect(scheduler.counters.arms).toBe(1);
  });

  it('lets as many deadlines as tolerances allow ride on one wake', () => {
    const { clock, scheduler, log, add } = setUp();
    add('keepalive', 100, { toleranceMs: 50 });
    add('dpd', 120, { toleranceMs: 1000 });
    add('rekey', 140, { toleranceMs: 0 });
    add('later', 160, { toleranceMs: 1000 });
    clock.advanceBy(150);
    expect(log).toEqual(['keepalive@140', 'dpd@140', 'rekey@140']);
    expect(scheduler.counters.wakeUps).toBe(1);
  });

  it('does not make a lonely deadline late because it tolerates it', () => {
    const { clock, log, add } = setUp();
    add('a', 100, { toleranceMs: 50 });
    clock.advanceBy(1000);
    expect(log).toEqual(['a@100']);
  });

  it('keeps every tolerance, with the fewest wakes there can be', () => {
    const one = fc.record({ at: fc.nat({ max: 100 }), toleranceMs: fc.nat({ max: 40 }) });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 7 }), (list) => {
        const clock = new VirtualClock();
        const scheduler = createScheduler({ clock });
        const deadlines = list.map(({ at, toleranceMs }) => deadline(at, { toleranceMs }));
        let ran = 0;
        deadlines.forEach((d, index) => {
          scheduler.schedule(`${index}`, d, ({ now, lateMs }) => {
            ran += 1;
            expect(now - d.at).toBe(lateMs);
            expect(lateMs).toBeGreaterThanOrEqual(0);
            expect(lateMs).toBeLessThanOrEqual(d.toleranceMs);
          });
        });
        clock.advanceBy(200);
        expect(ran).toBe(deadlines.length);
        expect(scheduler.counters.wakeUps).toBe(fewestWakes(deadlines));
      }),
    );
  });

  it('keeps every tolerance while deadlines come, move and go', () => {
    const step = fc.record({
      key: fc.nat({ max: 5 }),
      inMs: fc.nat({ max: 50 }),
      toleranceMs: fc.nat({ max: 30 }),
      wake: fc.constantFrom('device' as const, 'process' as const),
      cancel: fc.boolean(),
      thenMs: fc.nat({ max: 30 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, hasAlarm) => {
        const clock = new VirtualClock();
        const alarm = { name: 'alarm', arm: clock.wakeAt.bind(clock) };
        const scheduler = createScheduler({
          clock,
          ...(hasAlarm ? { alarm } : {}),
          alarmBeyondMs: 20,
        });
        const expected = new Map<string, Deadline>();
        for (const { key, inMs, toleranceMs, wake, cancel, thenMs } of steps) {
          const name = `${key}`;
          if (cancel) {
            expect(scheduler.cancel(name)).toBe(expected.delete(name));
          } else {
            const d = deadline(clock.now() + inMs, { toleranceMs, wake });
            expected.set(name, d);
            scheduler.schedule(name, d, (call) => {
              expect(call.deadline).toBe(expected.get(name));
              expect(call.lateMs).toBeLessThanOrEqual(toleranceMs);
              expected.delete(name);
            });
          }
          clock.advanceBy(thenMs);
          for (const open of expected.values()) {
            expect(open.at + open.toleranceMs).toBeGreaterThan(clock.now());
          }
          expect(scheduler.size).toBe(expected.size);
        }
      }),
    );
  });
});

describe('catching up after a sleep', () => {
  /** A clock that can be moved without its wake-ups: a device asleep. */
  function sleeper(): { clock: Clock; sleep: (ms: number) => void } {
    let now = instantFromMs(0);
    return {
      clock: { now: () => now, wakeAt: () => () => {} },
      sleep: (ms) => {
        now = addMs(now, ms);
      },
    };
  }

  it('runs everything at one wake: by priority, then time, then order of setting', () => {
    const { clock, sleep } = sleeper();
    const timer = createVirtualWakeSource();
    const scheduler = createScheduler({ clock, timer });
    const log: string[] = [];
    const add = (key: string, at: number, priority: number): void => {
      scheduler.schedule(
        key,
        deadline(at),
        ({ lateMs }) => {
          log.push(`${key} ${lateMs}`);
        },
        priority,
      );
    };
    add('dpd', 10, 9);
    add('child soft', 40, 3);
    add('ike soft', 50, 2);
    add('second child soft', 40, 3);
    add('path', 60, 1);
    add('not yet', 5000, 0);
    sleep(1000);
    timer.fire();
    expect(log).toEqual([
      'path 940',
      'ike soft 950',
      'child soft 960',
      'second child soft 960',
      'dpd 990',
    ]);
    expect(scheduler.counters).toMatchObject({ wakeUps: 1, runs: 5, arms: 2, earlyWakes: 0 });
    expect(timer.armedAt).toBe(5000);
  });

  it('honours what an earlier one cancels or puts off', () => {
    const { clock, sleep } = sleeper();
    const timer = createVirtualWakeSource();
    const scheduler = createScheduler({ clock, timer });
    const log: string[] = [];
    const say = (text: string) => (): void => {
      log.push(text);
    };
    scheduler.schedule(
      'path',
      deadline(50),
      () => {
        log.push('path');
        scheduler.cancel('keepalive');
        scheduler.schedule('dpd', deadline(9000), say('dpd'));
        scheduler.schedule('again', deadline(40), say('again'));
      },
      -1,
    );
    scheduler.schedule('keepalive', deadline(10), say('keepalive'));
    scheduler.schedule('dpd', deadline(20), say('dpd'));
    sleep(100);
    timer.fire();
    expect(log).toEqual(['path']);
    expect(timer.armedAt).toBe(40);
    timer.fire();
    expect(log).toEqual(['path', 'again']);
    expect(timer.armedAt).toBe(9000);
  });

  it('keeps the rest when one throws', () => {
    const { clock, sleep } = sleeper();
    const timer = createVirtualWakeSource();
    const scheduler = createScheduler({ clock, timer });
    let ran = 0;
    scheduler.schedule('bad', deadline(1), () => {
      throw new Error('mine');
    });
    scheduler.schedule('good', deadline(2), () => {
      ran += 1;
    });
    sleep(10);
    expect(() => timer.fire()).toThrow('mine');
    expect(scheduler.deadlineOf('bad')).toBeUndefined();
    expect(timer.armedAt).toBe(2);
    timer.fire();
    expect(ran).toBe(1);
  });

  it('tells the source when the work is done, not merely started', async () => {
    const { clock, sleep } = sleeper();
    const timer = createVirtualWakeSource();
    const scheduler = createScheduler({ clock, timer });
    let finish = (): void => {};
    scheduler.schedule(
      'slow',
      deadline(1),
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    );
    scheduler.schedule('quick', deadline(1), () => {});
    sleep(10);
    let done = false;
    const work = timer.fire()?.then(() => {
      done = true;
    });
    expect(work).toBeDefined();
    await Promise.resolve();
    expect(done).toBe(false);
    finish();
    await work;
    expect(done).toBe(true);
  });

  it('runs what is open when the process is awake anyway', () => {
    const { clock, log, add, scheduler } = setUp();
    add('a', 100, { toleranceMs: 1000 });
    add('b', 300, { toleranceMs: 0 });
    clock.advanceBy(150);
    expect(log).toEqual([]);
    scheduler.runDue();
    expect(log).toEqual(['a@150']);
    expect(scheduler.counters.wakeUps).toBe(0);
    clock.advanceBy(1000);
    expect(log).toEqual(['a@150', 'b@300']);
  });
});

describe('wake sources', () => {
  function dozing(): {
    clock: VirtualClock;
    timer: ReturnType<typeof createVirtualWakeSource>;
    alarm: ReturnType<typeof createVirtualWakeSource>;
    scheduler: Scheduler;
  } {
    const clock = new VirtualClock();
    const timer = createVirtualWakeSource('timer');
    const alarm = createVirtualWakeSource('alarm');
    return { clock, timer, alarm, scheduler: createScheduler({ clock, timer, alarm }) };
  }
  const nothing = (): void => {};

  it('send deadlines that deserve it to the alarm, but not when they are near', () => {
    const { timer, alarm, scheduler } = dozing();
    scheduler.schedule('near', deadline(3000, { wake: 'device' }), nothing);
    expect([timer.armedAt, alarm.armedAt]).toEqual([3000, undefined]);
    scheduler.schedule('near', deadline(3001, { wake: 'device' }), nothing);
    expect([timer.armedAt, alarm.armedAt]).toEqual([undefined, 3001]);
    scheduler.schedule('idle', deadline(60_000), nothing);
    expect([timer.armedAt, alarm.armedAt]).toEqual([60_000, 3001]);
    expect(scheduler.nextWake()).toBe(3001);
  });

  it('are armed again only when the next wake changes', () => {
    const { clock, timer, alarm, scheduler } = dozing();
    scheduler.schedule('dpd', deadline(10_000, { wake: 'device' }), nothing);
    scheduler.schedule('rekey', deadline(20_000, { wake: 'device' }), nothing);
    scheduler.schedule('rekey', deadline(30_000, { wake: 'device' }), nothing);
    clock.advanceBy(8_000);
    scheduler.cancel('rekey');
    expect([alarm.armCount, timer.armCount]).toEqual([1, 0]);
    expect(scheduler.counters.arms).toBe(1);
  });

  it('let a process deadline ride on the alarm within its tolerance', () => {
    const { clock, timer, alarm, scheduler } = dozing();
    const log: string[] = [];
    scheduler.schedule('dpd', deadline(10_000, { wake: 'device' }), () => {
      log.push('dpd');
    });
    scheduler.schedule('log', deadline(9_000, { toleranceMs: 2_000 }), () => {
      log.push('log');
    });
    expect([timer.armedAt, alarm.armedAt]).toEqual([undefined, 10_000]);
    clock.advanceTo(instantFromMs(10_000));
    alarm.fire();
    expect(log).toEqual(['log', 'dpd']);
    expect(scheduler.counters.wakeUps).toBe(1);
  });

  it('give the process its own wake again when the alarm is called off', () => {
    const { timer, scheduler } = dozing();
    scheduler.schedule('dpd', deadline(10_000, { wake: 'device' }), nothing);
    scheduler.schedule('log', deadline(9_000, { toleranceMs: 2_000 }), nothing);
    scheduler.cancel('dpd');
    expect(timer.armedAt).toBe(9_000);
  });

  it('are disarmed when nothing waits', () => {
    const { timer, alarm, scheduler } = dozing();
    scheduler.schedule('a', deadline(10_000, { wake: 'device' }), nothing);
    scheduler.schedule('b', deadline(10), nothing);
    scheduler.clear();
    expect([timer.armedAt, alarm.armedAt, scheduler.nextWake()]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(scheduler.size).toBe(0);
  });

  it('may fire too early without anything running too early', () => {
    const { timer, scheduler } = dozing();
    let ran = false;
    scheduler.schedule('a', deadline(1000), () => {
      ran = true;
    });
    timer.fire();
    expect(ran).toBe(false);
    expect(timer.armedAt).toBe(1000);
  });
});

describe('misuse', () => {
  it.each<[string, Partial<Deadline>]>([
    ['"at" expected', { at: instantFromMs(Number.NaN) }],
    ['"at" expected', { at: Number.POSITIVE_INFINITY as Instant }],
    ['"toleranceMs" expected', { toleranceMs: -1 }],
    ['"toleranceMs" expected', { toleranceMs: Number.NaN }],
  ])('is refused with a sentence: %s', (sentence, extra) => {
    const { scheduler } = setUp();
    expect(() => scheduler.schedule('dpd', deadline(1, extra), () => {})).toThrow(
      `deadline of "dpd": ${sentence}`,
    );
    expect(scheduler.size).toBe(0);
  });
});
