import { addMs, type Instant, VirtualClock } from '@ipsec-kit/clock';
import { alarmWakeSource, createScheduler, type DeviceAlarm } from '@ipsec-kit/scheduler';
import { describe, expect, it } from 'vitest';

/** A device with one alarm and a wake lock. */
class Device implements DeviceAlarm {
  held = 0;
  sets: number[] = [];
  ring: (() => void) | undefined;

  set(inMs: number, _at: Instant, fire: () => void): void {
    this.sets.push(inMs);
    this.ring = fire;
  }

  cancel(): void {
    this.ring = undefined;
  }

  hold(): () => void {
    this.held += 1;
    return () => {
      this.held -= 1;
    };
  }
}

function setUp() {
  const clock = new VirtualClock();
  const device = new Device();
  const overruns: number[] = [];
  const alarm = alarmWakeSource({
    clock,
    alarm: device,
    longestHoldMs: 5_000,
    onOverrun: (heldMs) => overruns.push(heldMs),
  });
  const scheduler = createScheduler({ clock, alarm });
  const schedule = (key: string, inMs: number, run: () => Promise<void> | undefined | void) =>
    scheduler.schedule(
      key,
      { name: key, at: addMs(clock.now(), inMs), toleranceMs: 0, wake: 'device' },
      run,
    );
  return { clock, device, overruns, scheduler, schedule };
}

describe('alarmWakeSource', () => {
  it('holds the device until the work is done, not merely queued', async () => {
    const { clock, device, schedule } = setUp();
    let finish = (): void => {};
    schedule('keepalive', 60_000, () => new Promise<void>((resolve) => (finish = resolve)));
    clock.advanceBy(60_000);
    device.ring?.();
    expect(device.held).toBe(1);
    await Promise.resolve();
    expect(device.held).toBe(1);
    finish();
    await new Promise((resolve) => setImmediate(resolve));
    expect(device.held).toBe(0);
  });

  it('lets go at once when the work was done at once, and when it threw', () => {
    const { clock, device, schedule } = setUp();
    schedule('quick', 60_000, () => {});
    clock.advanceBy(60_000);
    device.ring?.();
    expect(device.held).toBe(0);
    schedule('bad', 60_000, () => {
      throw new Error('mine');
    });
    clock.advanceBy(60_000);
    expect(() => device.ring?.()).toThrow('mine');
    expect(device.held).toBe(0);
  });

  it('ends a hold whose work hangs, and tells', () => {
    const { clock, device, overruns, schedule } = setUp();
    schedule('hangs', 60_000, () => new Promise<void>(() => {}));
    clock.advanceBy(60_000);
    device.ring?.();
    clock.advanceBy(4_999);
    expect([device.held, overruns]).toEqual([1, []]);
    clock.advanceBy(1);
    expect([device.held, overruns]).toEqual([0, [5_000]]);
  });

  it('is set again only when the next wake changes', () => {
    const { device, scheduler, schedule } = setUp();
    schedule('dpd', 60_000, () => {});
    schedule('rekey', 3_600_000, () => {});
    schedule('rekey', 7_200_000, () => {});
    scheduler.cancel('rekey');
    expect(device.sets).toEqual([60_000]);
    schedule('keepalive', 30_000, () => {});
    expect(device.sets).toEqual([60_000, 30_000]);
  });

  it('ignores a ring that was taken back', () => {
    const { device, scheduler, schedule } = setUp();
    schedule('dpd', 60_000, () => {});
    const { ring } = device;
    scheduler.clear();
    ring?.();
    expect(scheduler.counters.wakeUps).toBe(0);
    expect(device.held).toBe(0);
  });
});
