import { addMs, instantFromMs, VirtualClock } from '@ipsec-kit/clock';
import { DEFAULT_KEEPALIVE_MS, KeepaliveTimer } from '@ipsec-kit/nat-t';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const start = instantFromMs(5_000);
const options = { intervalMs: 20_000, dpdMarginMs: 20_000 };

describe('KeepaliveTimer (RFC 3948 §4)', () => {
  it.each([
    [19_999, 'nothing'],
    [20_000, 'keepalive'],
    [40_000, 'keepalive'],
    [40_001, 'dpd'],
    [3_600_000, 'dpd'],
  ] as const)('after %d ms of silence: %s', (silenceMs, action) => {
    const timer = new KeepaliveTimer(options, start, true);
    expect(timer.onTimeout(addMs(start, silenceMs), false)).toBe(action);
  });

  it('sends 0xFF where the DPD is turned off, or an exchange runs already', () => {
    const late = addMs(start, 3_600_000);
    const withoutDpd = new KeepaliveTimer({ ...options, dpdMarginMs: 0 }, start, true);
    expect(withoutDpd.onTimeout(late, false)).toBe('keepalive');
    expect(new KeepaliveTimer(options, start, true).onTimeout(late, true)).toBe('keepalive');
  });

  it('is silent where there is no NAT, and where it is turned off', () => {
    const late = addMs(start, 3_600_000);
    for (const timer of [
      new KeepaliveTimer(options, start, false),
      new KeepaliveTimer({ ...options, intervalMs: 0 }, start, true),
    ]) {
      expect(timer.onTimeout(late, false)).toBe('nothing');
      expect(timer.nextDeadline()).toBeUndefined();
    }
  });

  it('waits for silence: every outbound packet puts it off', () => {
    const timer = new KeepaliveTimer(options, start, true);
    timer.onOutbound(addMs(start, 15_000));
    expect(timer.onTimeout(addMs(start, 20_000), false)).toBe('nothing');
    expect(timer.nextDeadline()?.at).toBe(start + 35_000);
  });

  it('is not put off by a check that sends nothing', () => {
    const timer = new KeepaliveTimer(options, start, true);
    for (let ms = 1_000; ms < 20_000; ms += 1_000) {
      expect(timer.onTimeout(addMs(start, ms), false)).toBe('nothing');
    }
    expect(timer.nextDeadline()?.at).toBe(start + 20_000);
    expect(timer.onTimeout(addMs(start, 20_000), false)).toBe('keepalive');
  });

  it('is not moved back by an older packet that is reported later', () => {
    const timer = new KeepaliveTimer(options, start, true);
    timer.onOutbound(addMs(start, 10_000));
    timer.onOutbound(addMs(start, 3_000));
    expect(timer.lastOutbound).toBe(start + 10_000);
  });

  it('counts what it sends as outbound', () => {
    const timer = new KeepaliveTimer(options, start, true);
    timer.onTimeout(addMs(start, 20_000), false);
    expect(timer.onTimeout(addMs(start, 20_000), false)).toBe('nothing');
    expect(timer.nextDeadline()?.at).toBe(start + 40_000);
  });

  it('begins when a NAT is found later, with the silence so far', () => {
    const timer = new KeepaliveTimer(options, start, false);
    timer.setNeeded(true);
    expect(timer.nextDeadline()).toEqual({
      name: 'nat-keepalive',
      at: start + 20_000,
      toleranceMs: 1_000,
      wake: 'device',
    });
  });

  it('does not allow more lateness than the margin: that would turn 0xFF into a DPD', () => {
    const timer = new KeepaliveTimer({ intervalMs: 20_000, dpdMarginMs: 100 }, start, true);
    const deadline = timer.nextDeadline();
    if (!deadline) throw new Error('expected a deadline');
    expect(timer.onTimeout(addMs(deadline.at, deadline.toleranceMs), false)).toBe('keepalive');
  });

  it('refuses durations that are none', () => {
    expect(() => new KeepaliveTimer({ ...options, intervalMs: -1 }, start, true)).toThrow(
      /intervalMs/,
    );
    expect(() => new KeepaliveTimer({ ...options, dpdMarginMs: Number.NaN }, start, true)).toThrow(
      /dpdMarginMs/,
    );
  });

  it('sends at its deadline, whatever fractions of a millisecond the clock has', () => {
    const fraction = fc.double({ min: 0, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(fraction, fc.double({ min: 1, max: 60_000, noNaN: true }), (at, intervalMs) => {
        const timer = new KeepaliveTimer({ intervalMs, dpdMarginMs: 0 }, instantFromMs(at), true);
        const deadline = timer.nextDeadline();
        if (!deadline) throw new Error('expected a deadline');
        expect(timer.onTimeout(deadline.at, false)).toBe('keepalive');
      }),
    );
  });

  it('leaves no mapping without an outbound packet for longer than the interval, whatever else is sent', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 60_000 }), { maxLength: 50 }), (gaps) => {
        const clock = new VirtualClock();
        const timer = new KeepaliveTimer(
          { intervalMs: DEFAULT_KEEPALIVE_MS, dpdMarginMs: 20_000 },
          clock.now(),
          true,
        );
        let lastSent = clock.now();
        let longest = 0;
        const sent = (): void => {
          longest = Math.max(longest, clock.now() - lastSent);
          lastSent = clock.now();
        };
        const arm = (): void => {
          const deadline = timer.nextDeadline();
          if (!deadline) throw new Error('expected a deadline');
          clock.wakeAt(deadline.at, () => {
            if (timer.onTimeout(clock.now(), false) !== 'nothing') sent();
            arm();
          });
        };
        arm();
        for (const gap of gaps) {
          clock.advanceBy(gap);
          timer.onOutbound(clock.now());
          sent();
        }
        expect(longest).toBeLessThanOrEqual(DEFAULT_KEEPALIVE_MS);
      }),
    );
  });
});
