import { addMs, VirtualClock } from '@ipsec-kit/clock';
import { parseEndpoint } from '@ipsec-kit/ip';
import { createScheduler, type Scheduler } from '@ipsec-kit/scheduler';
import { describe, expect, it } from 'vitest';
import {
  batteryUsed,
  type Datagram,
  type DeviceSettings,
  DozingDevice,
  dozingPhone,
  wakeUpsForProgram,
} from '../../src/index.ts';

const MINUTE_MS = 60_000;
const SHORT = { packet: 500, alarm: 500, chance: 2_000, user: 1_000 };

interface Scene {
  readonly world: VirtualClock;
  readonly device: DozingDevice;
  readonly scheduler: Scheduler<'device'>;
  readonly notes: string[];
  /** Runs the deadline again and again, and says when it ran. */
  repeat(everyMs: number, wake?: 'device' | 'process'): readonly number[];
}

function scene(settings: Partial<DeviceSettings> = {}, seed = 1): Scene {
  const world = new VirtualClock();
  const notes: string[] = [];
  const device = new DozingDevice({
    name: 'phone',
    world,
    settings: dozingPhone({ awakeMs: SHORT, ...settings }),
    seed,
    onNote: (what) => notes.push(`${world.now()} ${what}`),
  });
  const { clock, alarm } = device;
  const scheduler = createScheduler({ clock, ...(alarm ? { alarm } : {}) });
  const repeat: Scene['repeat'] = (everyMs, wake = 'device') => {
    const ran: number[] = [];
    const again = (): void => {
      const at = addMs(clock.now(), everyMs);
      scheduler.schedule('repeat', { name: 'repeat', at, toleranceMs: 0, wake }, () => {
        ran.push(world.now());
        again();
      });
    };
    again();
    return ran;
  };
  return { world, device, scheduler, notes, repeat };
}

function datagram(sizeBytes: number): Datagram {
  const end = parseEndpoint('192.0.2.1:4500');
  if (!end) throw new Error('no endpoint');
  return { index: 0, from: end, to: end, data: new Uint8Array(sizeBytes) };
}

describe('a device that dozes', () => {
  it('falls asleep when nothing wants it, and its time awake stands still', () => {
    const { world, device } = scene();
    world.advanceBy(60_000);
    expect(device.isAwake).toBe(false);
    expect(device.account()).toMatchObject({ elapsedMs: 60_000, awakeMs: 1_000 });
  });

  it('counts the time asleep on its suspend-aware clock, and not on its monotonic one', () => {
    const aware = scene();
    const monotonic = scene({ clock: 'monotonic' });
    for (const { world } of [aware, monotonic]) world.advanceBy(60_000);
    expect(aware.device.clock.now()).toBeCloseTo(60_000, 1);
    expect(monotonic.device.clock.now()).toBeCloseTo(1_000, 1);
  });

  it('wakes for an inbound packet, which reaches the program a moment later', () => {
    const { world, device, notes } = scene({ packetWakeMs: 50 });
    world.advanceBy(10_000);
    const { middlebox } = device;
    expect(middlebox.pass(datagram(10), 'inward', world.now())).toMatchObject([{ delayMs: 50 }]);
    expect(device.isAwake).toBe(true);
    expect(middlebox.pass(datagram(10), 'inward', world.now())).toMatchObject([{ delayMs: 0 }]);
    world.advanceBy(10_000);
    expect(notes).toEqual(['1000 sleeps', '10000 wakes (packet)', '10550 sleeps']);
  });

  it('misses inbound packets while it sleeps where they do not wake it', () => {
    const { world, device } = scene({ wakesOnPacket: false });
    expect(device.middlebox.pass(datagram(10), 'inward', world.now())).toHaveLength(1);
    world.advanceBy(10_000);
    expect(device.middlebox.pass(datagram(10), 'inward', world.now())).toEqual([]);
    expect(device.isAwake).toBe(false);
  });

  it('wakes by chance, as often as it is told', () => {
    const { world, device } = scene({ chanceWake: { leastMs: 50_000, mostMs: 70_000 } });
    world.advanceBy(10 * 60 * MINUTE_MS);
    const { chance } = device.account().wakeUps;
    expect(chance).toBeGreaterThan(570);
    expect(chance).toBeLessThan(630);
  });

  it('wakes later than usual now and then, where it is told so', () => {
    const lateBy = { leastMs: 10_000, mostMs: 20_000 };
    const chanceWake = { leastMs: 60_000, mostMs: 61_000, lateShare: 0.25, lateBy };
    const { world, notes } = scene({ chanceWake });
    world.advanceBy(10 * 60 * MINUTE_MS);
    const at = notes
      .filter((note) => note.includes('chance'))
      .map((note) => Number.parseInt(note, 10));
    const gaps = at.slice(1).map((ms, index) => ms - (at[index] ?? 0));
    const late = gaps.filter((gap) => gap > 61_001);
    expect(late.length / gaps.length).toBeGreaterThan(0.2);
    expect(late.length / gaps.length).toBeLessThan(0.3);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(70_000 - 1);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(81_000 + 1);
  });

  it('stays awake while something holds it, and sleeps after', () => {
    const { world, device } = scene();
    const release = device.hold();
    world.advanceBy(60_000);
    expect(device.isAwake).toBe(true);
    release();
    release();
    world.advanceBy(60_000);
    expect(device.isAwake).toBe(false);
    expect(device.account()).toMatchObject({ awakeMs: 60_000, heldMs: 60_000 });
  });

  it('has the same nights with the same seed, and others with another', () => {
    const night = (seed: number): readonly string[] => {
      const { world, notes } = scene({ chanceWake: { leastMs: 1_000, mostMs: 70_000 } }, seed);
      world.advanceBy(30 * MINUTE_MS);
      return notes;
    };
    expect(night(7)).toEqual(night(7));
    expect(night(7)).not.toEqual(night(8));
  });

  it('refuses settings that would never let time pass', () => {
    expect(() => scene({ chanceWake: { leastMs: 0, mostMs: 0 } })).toThrow(/a span from 1 ms on/);
    expect(() => scene({ packetWakeMs: -1 })).toThrow(/"packetWakeMs" expected/);
  });
});

describe('deadlines on a device that dozes', () => {
  it.each([
    [true, 0],
    [false, 10_000],
  ])(
    'are looked at when it wakes by chance, at once where it has an alarm (%o), as Linux tells',
    (usesAlarm, mostMs) => {
      const chanceWake = { leastMs: MINUTE_MS, mostMs: MINUTE_MS };
      const awakeMs = { ...SHORT, chance: 15_000 };
      const { world, device } = scene({ usesAlarm, chanceWake, awakeMs });
      const { clock } = device;
      if (!('onSleep' in clock)) throw new Error('the clock does not tell of sleep');
      const told: number[] = [];
      clock.onSleep(() => told.push(world.now()));
      world.advanceBy(MINUTE_MS + 15_000);
      expect(told).toHaveLength(1);
      expect(told[0]).toBeGreaterThanOrEqual(MINUTE_MS);
      expect(told[0]).toBeLessThanOrEqual(MINUTE_MS + mostMs);
    },
  );

  it('are on time with its alarm', () => {
    const { world, repeat, device } = scene({ isWhitelisted: true });
    const ran = repeat(45_000);
    world.advanceBy(22 * 60 * MINUTE_MS);
    // 22 hours have 1760 times 45 s; each ring is up to a millisecond late.
    expect(ran.length).toBeGreaterThanOrEqual(1_759);
    expect(ran.every((at, index) => at - (ran[index - 1] ?? 0) - 45_000 < 2)).toBe(true);
    expect(device.account().wakeUps).toEqual({ packet: 0, alarm: ran.length, chance: 0, user: 0 });
  });

  it('are not noticed without an alarm until something else wakes it', () => {
    const { world, repeat, device } = scene({ usesAlarm: false });
    const ran = repeat(45_000);
    world.advanceBy(30 * MINUTE_MS);
    expect(ran).toEqual([]);
    device.use(20_000);
    world.advanceBy(20_000);
    // The clock looks at itself every 10 s awake.
    expect(ran).toHaveLength(1);
    expect(ran[0]).toBeGreaterThan(30 * MINUTE_MS);
    expect(ran[0]).toBeLessThan(30 * MINUTE_MS + 10_001);
  });

  it('take 45 seconds awake on a monotonic clock', () => {
    const { world, repeat, device } = scene({
      clock: 'monotonic',
      usesAlarm: false,
      chanceWake: { leastMs: 60_000, mostMs: 60_000 },
    });
    const ran = repeat(45_000);
    world.advanceBy(120 * MINUTE_MS);
    const awakeAtEach = device.account().awakeMs / ran.length;
    expect(awakeAtEach).toBeGreaterThan(40_000);
    expect(ran[0]).toBeGreaterThan(20 * MINUTE_MS);
  });

  it('are found at the next wake by a program that spins, whose loop is accounted and not stepped through', () => {
    const { world, repeat, device } = scene({
      clock: 'spinning',
      usesAlarm: false,
      chanceWake: { leastMs: 61_000, mostMs: 61_000 },
    });
    const ran = repeat(45_000);
    const steps = world.advanceBy(60 * MINUTE_MS);
    expect(ran[0]).toBe(61_000);
    expect(ran).toHaveLength(59);
    const { awakeMs, busyMs } = device.account();
    expect(busyMs).toBe(awakeMs);
    expect(steps).toBeLessThan(500);
  });

  it('are held awake for until their work is done', async () => {
    const { world, device, scheduler } = scene();
    let finish = (): void => undefined;
    const at = addMs(device.clock.now(), 60_000);
    scheduler.schedule('work', { name: 'work', at, toleranceMs: 0, wake: 'device' }, () => {
      return new Promise((resolve) => {
        finish = () => resolve();
      });
    });
    world.advanceBy(80_000);
    expect(device.isAwake).toBe(true);
    finish();
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    world.advanceBy(1_000);
    expect(device.isAwake).toBe(false);
    expect(device.account().heldMs).toBeCloseTo(20_000, -1);
  });
});

describe('idle mode', () => {
  it('begins 70 minutes after the last use, and ends with the next', () => {
    const { world, device, notes } = scene();
    world.advanceBy(30 * MINUTE_MS);
    device.use();
    world.advanceBy(70 * MINUTE_MS - 1);
    expect(device.isIdle).toBe(false);
    world.advanceBy(1);
    expect(device.isIdle).toBe(true);
    device.use();
    expect(device.isIdle).toBe(false);
    expect(notes.filter((note) => note.includes('idle'))).toEqual([
      '6000000 enters idle mode',
      '6000000 leaves idle mode',
    ]);
  });

  it('makes the alarms of a program that is not whitelisted 9 to 15 minutes late', () => {
    const { world, device, repeat } = scene();
    const ran = repeat(60_000);
    world.advanceBy(22 * 60 * MINUTE_MS);
    const idleSince = 70 * MINUTE_MS;
    const inIdle = ran.filter((at) => at > idleSince);
    expect(ran.length - inIdle.length).toBeGreaterThanOrEqual(69);
    const gaps = inIdle.slice(1).map((at, index) => (at - (inIdle[index] ?? 0)) / MINUTE_MS);
    expect(gaps.length).toBeGreaterThan(80);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(10);
    expect(Math.min(...gaps)).toBeLessThan(11);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(16.01);
    expect(Math.max(...gaps)).toBeGreaterThan(15);
    expect(device.alarms.deferredRings).toBe(inIdle.length);
  });

  it('leaves those of a whitelisted one alone', () => {
    const { world, device, repeat } = scene({ isWhitelisted: true });
    const ran = repeat(60_000);
    world.advanceBy(22 * 60 * MINUTE_MS);
    expect(ran.length).toBeGreaterThan(1_310);
    expect(device.alarms.deferredRings).toBe(0);
  });

  it('lets an overdue alarm ring as soon as somebody uses the device', () => {
    const { world, device, repeat } = scene();
    const ran = repeat(60_000);
    world.advanceBy(75 * MINUTE_MS);
    const before = ran.length;
    device.use();
    world.advanceBy(0);
    expect(ran).toHaveLength(before + 1);
  });
});

describe('the energy account', () => {
  it('counts the tail of the radio once where packets share it', () => {
    const { world, device } = scene({ radioTailMs: 1_000 });
    const { middlebox } = device;
    middlebox.pass(datagram(100), 'outward', world.now());
    world.advanceBy(400);
    middlebox.pass(datagram(60), 'inward', world.now());
    world.advanceBy(300);
    expect(device.account().radioMs).toBe(700);
    world.advanceBy(60_000);
    expect(device.account()).toMatchObject({
      radioMs: 1_400,
      packetsOut: 1,
      packetsIn: 1,
      bytesOut: 100,
      bytesIn: 60,
    });
  });

  it('turns into percent of a battery by what each thing costs', () => {
    const account = {
      elapsedMs: 10 * 3_600_000,
      awakeMs: 2 * 3_600_000,
      heldMs: 0,
      busyMs: 3_600_000,
      radioMs: 1_800_000,
      wakeUps: { packet: 1, alarm: 2, chance: 3, user: 4 },
      busyWakeUps: 2,
      packetsOut: 0,
      packetsIn: 0,
      bytesOut: 0,
      bytesIn: 0,
    };
    const model = {
      percentPerHour: 0.5,
      percentPerAwakeHour: 1,
      percentPerBusyHour: 10,
      percentPerRadioHour: 4,
      percentPerWakeUp: 0.01,
    };
    expect(batteryUsed(account, model)).toBeCloseTo(5 + 2 + 10 + 2 + 0.1);
    expect(wakeUpsForProgram(account)).toBe(1 + 2 + 2);
  });
});
