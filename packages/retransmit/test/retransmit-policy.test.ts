import {
  DEFAULT_RETRANSMIT_POLICY,
  MAX_RETRANSMIT_DELAY_MS,
  MIN_RETRANSMIT_DELAY_MS,
  type RetransmitPolicy,
  requireRetransmitPolicy,
  retransmitDelayMs,
  retransmitSpanMs,
} from '@ipsec-kit/retransmit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const policies: fc.Arbitrary<RetransmitPolicy> = fc.record({
  timeoutMs: fc.double({ min: 1, max: 1e7, noNaN: true }),
  base: fc.double({ min: 1, max: 100, noNaN: true }),
  tries: fc.nat({ max: 200 }),
  limitMs: fc.oneof(fc.constant(0), fc.double({ min: 1, max: 1e9, noNaN: true })),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
});
const fraction = fc.double({ min: 0, max: 1, noNaN: true });

describe('retransmitDelayMs (RFC 7296 §2.4)', () => {
  it('waits 4, 7.2, 13, 23.3, 42 and 75.6 s by default', () => {
    const waits = [0, 1, 2, 3, 4, 5].map((n) => retransmitDelayMs(DEFAULT_RETRANSMIT_POLICY, n, 0));
    expect(waits.map((ms) => Math.round(ms / 100) / 10)).toEqual([4, 7.2, 13, 23.3, 42, 75.6]);
  });

  it.each([24, 60, 61, 1_000, 1e9, Number.MAX_SAFE_INTEGER])(
    'neither wraps nor overflows at attempt %d',
    (attempt) => {
      expect(retransmitDelayMs(DEFAULT_RETRANSMIT_POLICY, attempt, 0)).toBe(
        MAX_RETRANSMIT_DELAY_MS,
      );
    },
  );

  it('stays between 1 ms and the limit, and never shrinks from one attempt to the next', () => {
    fc.assert(
      fc.property(policies, fc.nat(), fraction, (policy, attempt, jitterFraction) => {
        const delay = retransmitDelayMs(policy, attempt, jitterFraction);
        const limit = policy.limitMs || MAX_RETRANSMIT_DELAY_MS;
        expect(delay).toBeGreaterThanOrEqual(MIN_RETRANSMIT_DELAY_MS);
        expect(delay).toBeLessThanOrEqual(Math.max(limit, MIN_RETRANSMIT_DELAY_MS));
        expect(delay).toBeLessThanOrEqual(MAX_RETRANSMIT_DELAY_MS);
        expect(retransmitDelayMs(policy, attempt + 1, jitterFraction)).toBeGreaterThanOrEqual(
          delay,
        );
      }),
    );
  });

  it('subtracts at most the jitter, and never adds', () => {
    fc.assert(
      fc.property(policies, fc.nat({ max: 30 }), fraction, (policy, attempt, jitterFraction) => {
        const whole = retransmitDelayMs(policy, attempt, 0);
        const jittered = retransmitDelayMs(policy, attempt, jitterFraction);
        expect(jittered).toBeLessThanOrEqual(whole);
        expect(jittered).toBeGreaterThanOrEqual(whole * (1 - policy.jitter) - 1e-6 * whole);
      }),
    );
  });

  it('caps at the limit', () => {
    const policy = { ...DEFAULT_RETRANSMIT_POLICY, limitMs: 10_000 };
    expect([0, 1, 2, 3].map((n) => Math.round(retransmitDelayMs(policy, n, 0)))).toEqual([
      4000, 7200, 10_000, 10_000,
    ]);
  });
});

describe('retransmitSpanMs', () => {
  it('is 165 s by default', () => {
    expect(Math.round(retransmitSpanMs(DEFAULT_RETRANSMIT_POLICY) / 1000)).toBe(165);
  });

  it('is the sum of all waits', () => {
    fc.assert(
      fc.property(policies, (policy) => {
        let sum = 0;
        for (let n = 0; n <= policy.tries; n++) sum += retransmitDelayMs(policy, n, 0);
        expect(Math.abs(retransmitSpanMs(policy) - sum)).toBeLessThanOrEqual(1e-9 * sum + 1e-6);
      }),
    );
  });

  it('is quick for a million tries', () => {
    const span = retransmitSpanMs({ ...DEFAULT_RETRANSMIT_POLICY, tries: 1_000_000 });
    expect(span).toBeGreaterThan(999_900 * MAX_RETRANSMIT_DELAY_MS);
  });
});

describe('requireRetransmitPolicy', () => {
  it('returns a good policy', () => {
    expect(requireRetransmitPolicy(DEFAULT_RETRANSMIT_POLICY)).toBe(DEFAULT_RETRANSMIT_POLICY);
  });

  it.each([
    ['timeoutMs', 0],
    ['timeoutMs', Number.NaN],
    ['base', 0.5],
    ['base', Number.POSITIVE_INFINITY],
    ['tries', -1],
    ['tries', 1.5],
    ['limitMs', -1],
    ['jitter', 1.5],
    ['jitter', Number.NaN],
  ])('names %s when it is %d', (field, value) => {
    expect(() => requireRetransmitPolicy({ ...DEFAULT_RETRANSMIT_POLICY, [field]: value })).toThrow(
      new RegExp(`"${field}" expected .* got ${value}`),
    );
  });
});
