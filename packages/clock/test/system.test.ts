import { addMs } from '@ipsec-kit/clock';
import { createSystemClock, type SystemClockHost } from '@ipsec-kit/clock/system';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** A computer whose timers and monotonic clock stand still in suspend, as Linux' do. */
class Computer implements SystemClockHost {
  awakeMs = 5_000.25;
  suspendedMs = 0;
  timersStarted: number[] = [];
  #timers: { at: number; fire: () => void }[] = [];

  monotonicMs(): number {
    return this.awakeMs;
  }

  uptimeMs(): number {
    return Math.floor((this.awakeMs + this.suspendedMs) / 10) * 10;
  }

  startTimer(delayMs: number, fire: () => void): () => void {
    const timer = { at: this.awakeMs + delayMs, fire };
    this.timersStarted.push(delayMs);
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  suspend(ms: number): void {
    this.suspendedMs += ms;
  }

  run(ms: number): void {
    const end = this.awakeMs + ms;
    for (;;) {
      const [next] = this.#timers.sort((a, b) => a.at - b.at);
      if (!next || next.at > end) break;
      this.#timers.shift();
      this.awakeMs = next.at;
      next.fire();
    }
    this.awakeMs = end;
  }
}

describe('createSystemClock', () => {
  it('counts suspend, within the step of os.uptime()', () => {
    const host = new Computer();
    const clock = createSystemClock({ host });
    const start = clock.now();
    host.run(1234.5);
    expect(clock.now() - start).toBeCloseTo(1234.5, 6);
    host.suspend(3_600_000);
    expect(Math.abs(clock.now() - start - 3_601_234.5)).toBeLessThanOrEqual(10);
    expect(Math.abs(clock.sleptMs - 3_600_000)).toBeLessThanOrEqual(10);
  });

  it('takes the step of os.uptime() for noise, not for sleep', () => {
    const host = new Computer();
    const clock = createSystemClock({ host });
    const start = clock.now();
    for (let i = 0; i < 1000; i++) {
      host.run(0.73);
      clock.now();
    }
    expect(clock.now() - start).toBeCloseTo(730, 6);
    expect(clock.sleptMs).toBe(0);
  });

  it('never goes back and stays within 30 ms of the truth, whatever the naps', () => {
    const step = fc.record({
      runMs: fc.double({ min: 0, max: 50, noNaN: true }),
      suspendMs: fc.oneof(fc.constant(0), fc.nat({ max: 15 }), fc.nat({ max: 100_000 })),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const host = new Computer();
        const clock = createSystemClock({ host });
        const start = clock.now();
        const truthAtStart = host.awakeMs + host.suspendedMs;
        let before = start;
        for (const { runMs, suspendMs } of steps) {
          host.run(runMs);
          host.suspend(suspendMs);
          const now = clock.now();
          expect(now).toBeGreaterThanOrEqual(before);
          const truth = host.awakeMs + host.suspendedMs - truthAtStart;
          expect(Math.abs(now - start - truth)).toBeLessThanOrEqual(30);
          before = now;
        }
      }),
    );
  });

  it('fires a wake-up once, not before its instant', () => {
    const host = new Computer();
    const clock = createSystemClock({ host });
    const fired: number[] = [];
    const at = addMs(clock.now(), 25_000.5);
    clock.wakeAt(at, () => fired.push(clock.now()));
    host.run(25_000);
    expect(fired).toEqual([]);
    host.run(2);
    expect(fired).toHaveLength(1);
    expect(fired[0]).toBeGreaterThanOrEqual(at);
    host.run(100_000);
    expect(fired).toHaveLength(1);
  });

  it('waits longer than setTimeout can, instead of firing after 1 ms', () => {
    const host = new Computer();
    const clock = createSystemClock({ host, recheckMs: Number.POSITIVE_INFINITY });
    let fired = false;
    clock.wakeAt(addMs(clock.now(), 2 ** 31 + 5000), () => {
      fired = true;
    });
    expect(host.timersStarted).toEqual([2 ** 31 - 1]);
    host.run(2 ** 31 - 1);
    expect(fired).toBe(false);
    expect(host.timersStarted).toHaveLength(2);
    host.run(5001);
    expect(fired).toBe(true);
  });

  it('comes at most recheckMs late when the device slept over the instant', () => {
    const host = new Computer();
    const clock = createSystemClock({ host, recheckMs: 2_000 });
    const fired: number[] = [];
    clock.wakeAt(addMs(clock.now(), 60_000), () => fired.push(host.awakeMs));
    host.run(1_000);
    host.suspend(3_600_000);
    const resumedAt = host.awakeMs;
    host.run(2_000);
    expect(fired).toHaveLength(1);
    expect((fired[0] ?? 0) - resumedAt).toBeLessThanOrEqual(2_000);
  });

  it('takes a wake-up back, also after the timer was armed again', () => {
    const host = new Computer();
    const clock = createSystemClock({ host, recheckMs: 100 });
    let fired = false;
    const cancel = clock.wakeAt(addMs(clock.now(), 1_000), () => {
      fired = true;
    });
    host.run(550);
    cancel();
    host.run(10_000);
    expect(fired).toBe(false);
    expect(host.timersStarted).toHaveLength(6);
  });

  it('refuses a recheck interval that is none', () => {
    expect(() => createSystemClock({ recheckMs: 0 })).toThrow(/recheckMs/);
    expect(() => createSystemClock({ recheckMs: Number.NaN })).toThrow(/recheckMs/);
  });

  it('runs on the clocks of this machine', async () => {
    const clock = createSystemClock({ keepAlive: false });
    const before = clock.now();
    const hold = setTimeout(() => {}, 5_000);
    await new Promise<void>((resolve) => clock.wakeAt(addMs(before, 3), resolve));
    clearTimeout(hold);
    expect(clock.now() - before).toBeGreaterThanOrEqual(3);
  });
});
