import { addMs, instantFromMs, VirtualClock } from '@ipsec-kit/clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('VirtualClock', () => {
  it('runs wake-ups in order of time, then of registration, each at its own instant', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 100 }), { maxLength: 50 }), (delays) => {
        const clock = new VirtualClock();
        const ran: { id: number; at: number }[] = [];
        delays.forEach((delay, id) => {
          clock.wakeAt(addMs(clock.now(), delay), () => ran.push({ id, at: clock.now() }));
        });
        expect(clock.advanceBy(100)).toBe(delays.length);
        const expected = delays.map((at, id) => ({ id, at }));
        expected.sort((a, b) => a.at - b.at || a.id - b.id);
        expect(ran).toEqual(expected);
        expect(clock.now()).toBe(100);
      }),
    );
  });

  it('never runs a wake-up inside wakeAt, even when its time has passed', () => {
    const clock = new VirtualClock({ startMs: 1000 });
    let woken = false;
    clock.wakeAt(instantFromMs(5), () => {
      woken = true;
    });
    expect(woken).toBe(false);
    expect(clock.nextWake()).toBe(1000);
    clock.advanceBy(0);
    expect(woken).toBe(true);
    expect(clock.now()).toBe(1000);
  });

  it('lets wake-ups register and cancel others while time moves', () => {
    const clock = new VirtualClock();
    const ran: string[] = [];
    const cancelLate = clock.wakeAt(instantFromMs(30), () => ran.push('late'));
    clock.wakeAt(instantFromMs(10), () => {
      ran.push('first');
      cancelLate();
      clock.wakeAt(addMs(clock.now(), 10), () => ran.push(`second at ${clock.now()}`));
      clock.wakeAt(addMs(clock.now(), 1000), () => ran.push('beyond'));
    });
    clock.advanceBy(100);
    expect(ran).toEqual(['first', 'second at 20']);
    expect(clock.nextWake()).toBe(1010);
    expect(clock.pendingWakes).toBe(1);
  });

  it('cancels without harm after the wake-up has run', () => {
    const clock = new VirtualClock();
    const cancel = clock.wakeAt(instantFromMs(1), () => {});
    let other = 0;
    clock.advanceBy(1);
    clock.wakeAt(instantFromMs(2), () => {
      other += 1;
    });
    cancel();
    clock.advanceBy(1);
    expect(other).toBe(1);
  });

  it('does not go back', () => {
    const clock = new VirtualClock({ startMs: 10 });
    expect(() => clock.advanceTo(instantFromMs(9))).toThrow(/not before 10, got 9/);
    expect(() => clock.advanceBy(Number.POSITIVE_INFINITY)).toThrow(/finite/);
    expect(clock.now()).toBe(10);
  });

  it('refuses to be advanced from inside a wake-up', () => {
    const clock = new VirtualClock();
    clock.wakeAt(instantFromMs(1), () => clock.advanceBy(1));
    expect(() => clock.advanceBy(5)).toThrow(/inside a wake-up/);
    expect(clock.advanceBy(1)).toBe(0);
  });

  it('names a busy loop instead of hanging in it', () => {
    const clock = new VirtualClock({ maxWakesPerInstant: 50 });
    const again = (): void => {
      clock.wakeAt(clock.now(), again);
    };
    again();
    expect(() => clock.advanceBy(1)).toThrow(/busy loop: 50 wake-ups ran at 0 ms/);
  });

  it('keeps the rest when one wake-up throws', () => {
    const clock = new VirtualClock();
    let ran = false;
    clock.wakeAt(instantFromMs(1), () => {
      throw new Error('mine');
    });
    clock.wakeAt(instantFromMs(2), () => {
      ran = true;
    });
    expect(() => clock.advanceBy(5)).toThrow('mine');
    expect(clock.now()).toBe(1);
    clock.advanceBy(4);
    expect(ran).toBe(true);
  });
});
