import { instantFromMs, type WakeClass } from '@ipsec-kit/clock';
import {
  type LivenessAction,
  type LivenessInput,
  type LivenessOptions,
  LivenessPolicy,
  type TrafficStamps,
} from '@ipsec-kit/nat-t';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const at = (ms: number) => instantFromMs(ms);

/** A session behind a NAT whose baseline stands; facts are told in a few words. */
function setUp(options: LivenessOptions = {}, behindNat = true) {
  const policy = new LivenessPolicy(at(0), options);
  const handle = (input: LivenessInput): readonly LivenessAction[] => policy.handle(input);
  const say = {
    policy,
    timeout: (ms: number) => handle({ kind: 'timeout', now: at(ms) }),
    traffic: (ms: number, stamps: TrafficStamps, espPacketsOut?: number) =>
      handle({
        kind: 'traffic',
        now: at(ms),
        stamps,
        ...(espPacketsOut === undefined ? {} : { espPacketsOut }),
      }),
    slept: (ms: number, sleptMs: number) => handle({ kind: 'slept', now: at(ms), sleptMs }),
    connectivity: (ms: number) => handle({ kind: 'connectivity', now: at(ms) }),
    path: (ms: number, isBehindNat = true, canDetect = true) =>
      handle({ kind: 'path', now: at(ms), behindNat: isBehindNat, canDetect }),
    rekeyed: (ms: number) => handle({ kind: 'rekeyed', now: at(ms) }),
    begin: (ms: number) => handle({ kind: 'exchange-started', now: at(ms) }),
    end: (ms: number, verdict?: 'began' | 'unchanged' | 'changed', roundTripMs = 40) =>
      handle({
        kind: 'exchange-ended',
        now: at(ms),
        roundTripMs,
        ...(verdict === undefined ? {} : { verdict }),
      }),
    binding: (ms: number, keepaliveMs: number, lifetimeMs: number) =>
      handle({ kind: 'binding', now: at(ms), keepaliveMs, lifetimeMs }),
  };
  say.path(0, behindNat);
  say.begin(0);
  say.end(0, 'began');
  say.traffic(0, { outIke: at(0), inIke: at(0) });
  return say;
}

const KEEPALIVE = [{ kind: 'keepalive' }];
const dpd = (reason: string, natDetection = true) => [{ kind: 'dpd', natDetection, reason }];

describe('NAT-keepalives (RFC 3948 §4)', () => {
  it.each([
    [19_999, []],
    [20_000, KEEPALIVE],
    [40_000, KEEPALIVE],
    [40_001, dpd('late')],
    [3_600_000, dpd('late')],
  ])(
    'after %i ms of silence: 0xFF iff >= interval, DPD iff > interval + margin',
    (ms, expected) => {
      expect(setUp().timeout(ms)).toEqual(expected);
    },
  );

  it('go out again after each interval of silence', () => {
    const { timeout, policy } = setUp();
    timeout(20_000);
    expect(timeout(39_999)).toEqual([]);
    expect(timeout(40_000)).toEqual(KEEPALIVE);
    expect(policy.counters.keepalives).toBe(2);
  });

  it.each<[string, TrafficStamps]>([
    ['IKE', { outIke: at(15_000) }],
    ['ESP', { outEsp: at(15_000) }],
  ])('are postponed by outbound %s', (_kind, stamps) => {
    const { traffic, timeout } = setUp();
    traffic(15_000, stamps);
    expect(timeout(34_999)).toEqual([]);
    expect(timeout(35_000)).toEqual(KEEPALIVE);
  });

  it('are not postponed by what comes in (RFC 4787 §4.3)', () => {
    const { traffic, timeout } = setUp();
    traffic(19_999, { inIke: at(19_999), inEsp: at(19_999) });
    expect(timeout(20_000)).toEqual(KEEPALIVE);
  });

  it('are not postponed by a check that sends nothing', () => {
    const { begin, end, timeout } = setUp();
    begin(10_000);
    end(19_000);
    expect(timeout(20_000)).toEqual(KEEPALIVE);
  });

  it('go out only behind a NAT, or where they are forced', () => {
    expect(setUp({}, false).timeout(1e6)).toEqual([]);
    expect(setUp({}, false).policy.nextDeadline()).toBeUndefined();
    expect(setUp({ keepaliveWhen: 'always' }, false).timeout(20_000)).toEqual(KEEPALIVE);
    expect(setUp({ keepaliveMs: 0 }).timeout(1e6)).toEqual([]);
  });

  it('stay 0xFF however late, when the margin is 0', () => {
    expect(setUp({ dpdMarginMs: 0 }).timeout(1e9)).toEqual(KEEPALIVE);
  });

  it('can be authenticated, so that a peer follows them', () => {
    expect(setUp({ keepaliveKind: 'esp' }).timeout(20_000)).toEqual([{ kind: 'esp-keepalive' }]);
    expect(setUp({ keepaliveKind: 'dpd' }).timeout(20_000)).toEqual(dpd('keepalive'));
  });

  it('are asked for once, not at every look, when a DPD stands in for them', () => {
    const { timeout, policy } = setUp({ keepaliveKind: 'dpd' });
    timeout(20_000);
    expect(timeout(20_001)).toEqual([]);
    expect(policy.nextDeadline()?.at).toBe(40_000);
    expect(timeout(40_000)).toEqual(dpd('keepalive'));
  });

  it('are 0xFF while an exchange runs, and the DPD follows it', () => {
    const { begin, end, timeout, traffic } = setUp();
    begin(10_000);
    expect(timeout(60_000)).toEqual(KEEPALIVE);
    traffic(61_000, { outIke: at(61_000) });
    expect(end(61_000)).toEqual(dpd('late'));
  });

  it('follow the lifetime that was discovered, and doubt the mapping when it is over', () => {
    const { binding, timeout, policy } = setUp();
    binding(0, 88_000, 100_000);
    expect(policy.keepaliveMs).toBe(88_000);
    expect(timeout(87_999)).toEqual([]);
    expect(setUpWithBinding().timeout(100_000)).toEqual(KEEPALIVE);
    expect(setUpWithBinding().timeout(100_001)).toEqual(dpd('late'));
    function setUpWithBinding() {
      const other = setUp();
      other.binding(0, 88_000, 100_000);
      return other;
    }
  });

  it('ride on any wake of the device once the lifetime is known, and wake it themselves only near the end of the margin', () => {
    const { binding, timeout, policy } = setUp();
    const deadlines = () =>
      (['process', 'device'] as const).map((wake) => policy.nextDeadline(wake)?.at);
    expect(deadlines()).toEqual([undefined, 20_000]);
    binding(0, 80_000, 100_000);
    expect(deadlines()).toEqual([80_000, 98_000]);
    expect(policy.nextDeadline('device')?.toleranceMs).toBeLessThanOrEqual(2_000);
    expect(timeout(79_999)).toEqual([]);
    expect(timeout(80_000)).toEqual(KEEPALIVE);
    expect(deadlines()).toEqual([160_000, 178_000]);
    expect(timeout(178_000)).toEqual(KEEPALIVE);
    binding(178_000, 200_000, 300_000);
    expect(deadlines()).toEqual([378_000, 378_000 + 0.9 * 20_000]);
  });

  it.each<[string, LivenessOptions]>([
    ['keepaliveMs', { keepaliveMs: 999 }],
    ['keepaliveMs', { keepaliveMs: 3_600_001 }],
    ['keepaliveMs', { keepaliveMs: Number.NaN }],
    ['dpdMarginMs', { dpdMarginMs: -1 }],
    ['dpdDelayMs', { dpdDelayMs: Number.POSITIVE_INFINITY }],
  ])('refuse a useless %s with a sentence', (name, options) => {
    expect(() => new LivenessPolicy(at(0), options)).toThrow(`"${name}" expected`);
  });
});

describe('a device that slept', () => {
  it.each([
    [5_000, []],
    [5_001, dpd('slept')],
  ])('for %i ms asks before it sends anything else, iff longer than 5 s', (sleptMs, expected) => {
    expect(setUp().slept(10_000, sleptMs)).toEqual(expected);
  });

  it('asks iff the lifetime is over, where that is known', () => {
    const known = () => {
      const other = setUp();
      other.binding(0, 88_000, 100_000);
      return other;
    };
    expect(known().slept(60_000, 50_000)).toEqual([]);
    expect(known().slept(130_000, 100_001)).toEqual(dpd('slept'));
    // It slept for less, but the mapping was not renewed before it either.
    expect(known().slept(100_001, 50_000)).toEqual(dpd('slept'));
  });

  it('asks once, and 0xFF does not overtake the question', () => {
    const { slept, timeout, policy } = setUp();
    expect(slept(600_000, 590_000)).toEqual(dpd('slept'));
    expect(timeout(600_000)).toEqual([]);
    expect(slept(600_100, 590_000)).toEqual([]);
    expect(policy.nextDeadline()).toMatchObject({ name: 'path', at: 600_500 });
  });

  it('asks after the exchange that runs, even if its response says that all is well (RFC 7296 §2.1)', () => {
    const { begin, slept, end } = setUp();
    begin(10_000);
    expect(slept(600_000, 590_000)).toEqual([]);
    // The response to a retransmission is the one from before the sleep.
    expect(end(600_100, 'unchanged')).toEqual(dpd('slept'));
  });

  it('has nothing to ask without a NAT', () => {
    expect(setUp({}, false).slept(1e6, 1e6)).toEqual([]);
  });
});

describe('NAT detection (RFC 4555 §3.8)', () => {
  it('begins with a baseline right after establishment', () => {
    const policy = new LivenessPolicy(at(0));
    const path = { kind: 'path', now: at(5), behindNat: true, canDetect: true } as const;
    expect(policy.handle(path)).toEqual(dpd('baseline'));
  });

  it('begins anew after a rekey of the IKE SA, whose SPIs are in the hash', () => {
    const { rekeyed, begin, end, timeout } = setUp();
    expect(rekeyed(10_000)).toEqual(dpd('baseline'));
    begin(10_000);
    expect(end(10_100, 'began')).toEqual([]);
    expect(timeout(10_200)).toEqual([]);
  });

  it('moves the SAs when the mapping has changed', () => {
    const { begin, end } = setUp();
    begin(30_000);
    expect(end(30_100, 'changed')).toEqual([
      { kind: 'update-addresses', reason: 'mapping-changed' },
    ]);
  });

  it('moves them as well when the mapping was in doubt and there is nothing left to compare', () => {
    const { begin, slept, rekeyed, end } = setUp();
    begin(10_000);
    slept(600_000, 590_000);
    rekeyed(600_050);
    expect(end(600_100)).toEqual(dpd('slept'));
    begin(600_100);
    expect(end(600_200, 'began')).toEqual([
      { kind: 'update-addresses', reason: 'mapping-unknown' },
    ]);
    begin(600_200);
    expect(end(600_300, 'began')).toEqual([]);
  });

  it('is left out where the peer has no MOBIKE, but the DPD goes out and lets it follow (RFC 7296 §2.23)', () => {
    const { path, timeout } = setUp();
    expect(path(0, true, false)).toEqual([]);
    expect(timeout(60_000)).toEqual(dpd('late', false));
  });
});

describe('one-way silence', () => {
  /** Traffic both ways until 10 s, then only ours, 10 packets a second. */
  function rebound(roundTripMs = 40, all = setUp()) {
    all.begin(0);
    all.end(0, undefined, roundTripMs);
    for (let ms = 9_000; ms <= 10_000; ms += 100) {
      all.traffic(ms, { outEsp: at(ms), inEsp: at(ms) }, ms / 100);
    }
    const run = (until: number): [ms: number, actions: readonly LivenessAction[]] => {
      for (let ms = 10_100; ms <= until; ms += 100) {
        const actions = all.traffic(ms, { outEsp: at(ms) }, ms / 100);
        if (actions.length > 0) return [ms, actions];
      }
      return [until, []];
    };
    return { ...all, run };
  }

  it('of a second on a flow that was two-way asks, although it never comes to a keepalive', () => {
    expect(rebound().run(60_000)).toEqual([11_100, dpd('one-way')]);
  });

  it.each([
    ['asks with NAT detection without a NAT as well, where an address can be updated', true],
    ['is for the other end to ask about where none can, as it would be for nothing', false],
  ])('%s (RFC 4555 §3.5, §3.8)', (_name, canDetect) => {
    const open = setUp({}, false);
    open.path(0, false, canDetect);
    const { run, policy } = rebound(40, open);
    expect(run(60_000)).toEqual(canDetect ? [11_100, dpd('one-way')] : [60_000, []]);
    // Nothing of it wakes a device.
    expect(policy.nextDeadline('device')).toBeUndefined();
  });

  it('is asked about behind a NAT by a peer that cannot update addresses, for its DPD lets the other follow (RFC 7296 §2.23)', () => {
    const plain = setUp();
    plain.path(0, true, false);
    expect(rebound(40, plain).run(60_000)).toEqual([11_100, dpd('one-way', false)]);
  });

  it('counts four round trips where these are longer', () => {
    expect(rebound(700).run(60_000)[0]).toBe(10_100 + 2_800);
  });

  it('is looked at just when it is long enough, however coarse the samples are', () => {
    const { policy, traffic } = rebound();
    traffic(10_100, { outEsp: at(10_100) }, 101);
    traffic(10_900, { outEsp: at(10_900) }, 109);
    expect(policy.nextDeadline('process')).toMatchObject({ name: 'one-way-watch', at: at(11_100) });
    expect(policy.nextDeadline('process')?.toleranceMs).toBeLessThanOrEqual(20);
  });

  it('asks once, until the peer is heard again', () => {
    const { run, traffic, policy } = rebound();
    run(60_000);
    for (let ms = 11_200; ms <= 60_000; ms += 100) {
      expect(traffic(ms, { outEsp: at(ms) }, ms / 100)).toEqual([]);
    }
    expect(policy.counters.dpds['one-way']).toBe(1);
  });

  it('asks at most once in ten seconds', () => {
    const { policy, traffic } = rebound();
    for (let ms = 10_100; ms <= 40_000; ms += 100) {
      const isHeard = ms % 2_000 === 0;
      traffic(ms, { outEsp: at(ms), ...(isHeard ? { inEsp: at(ms) } : {}) }, ms / 100);
    }
    expect(policy.counters.dpds['one-way']).toBeGreaterThanOrEqual(2);
    expect(policy.counters.dpds['one-way']).toBeLessThanOrEqual(3);
  });

  it('needs three packets: two lost questions are no silence', () => {
    const { traffic } = rebound();
    traffic(10_100, { outEsp: at(10_100) }, 101);
    traffic(10_200, { outEsp: at(10_200) }, 102);
    expect(traffic(15_000, {}, 102)).toEqual([]);
    expect(traffic(15_100, { outEsp: at(15_100) }, 103)).toEqual(dpd('one-way'));
  });

  it('is no suspicion on a flow that never was two-way, nor at the first packets after a pause', () => {
    const oneWay = setUp();
    for (let ms = 100; ms <= 15_000; ms += 100) {
      expect(oneWay.traffic(ms, { outEsp: at(ms) }, ms / 100)).toEqual([]);
    }
    const idle = rebound();
    for (let i = 0; i < 5; i += 1) {
      expect(idle.traffic(25_000 + i, { outEsp: at(25_000 + i) }, 101 + i)).toEqual([]);
    }
  });

  it('is none after packets that came and left at one instant, as a coarse clock has it', () => {
    const { traffic } = rebound();
    traffic(10_000, { outEsp: at(10_000), inEsp: at(10_000) }, 110);
    expect(traffic(12_000, {}, 110)).toEqual([]);
  });

  it('looks four times a second while packets go, and not at all when none do', () => {
    const { policy, timeout, traffic } = rebound();
    traffic(10_100, { outEsp: at(10_100), inEsp: at(10_100) }, 101);
    expect(policy.nextDeadline()).toMatchObject({
      name: 'one-way-watch',
      at: 10_350,
      wake: 'process',
    });
    // A device that falls asleep meanwhile is still woken for the mapping.
    expect(policy.nextDeadline('device')?.name).toBe('nat-keepalive');
    timeout(11_349);
    expect(policy.nextDeadline()?.name).toBe('one-way-watch');
    // By then the next packet would be one after a silence, which is told of.
    timeout(11_350);
    expect(policy.nextDeadline()?.name).toBe('nat-keepalive');
  });

  it('looks for as long as a silence lasts that is suspicious', () => {
    const { policy, traffic, timeout } = rebound(1_000);
    traffic(10_100, { outEsp: at(10_100) }, 103);
    timeout(13_900);
    expect(policy.nextDeadline('process')).toMatchObject({ name: 'one-way-watch', at: at(14_100) });
    expect(timeout(14_100)).toEqual(dpd('one-way'));
  });

  it('looks on at a flow whose first sample was taken before its first answer', () => {
    const { policy, traffic, begin, end } = setUp();
    begin(0);
    end(0, undefined, 40);
    traffic(9_000, { outEsp: at(9_000) }, 1);
    expect(policy.nextDeadline()).toMatchObject({ name: 'one-way-watch', at: 9_250 });
  });

  it('starts over with a counter that does', () => {
    const { traffic } = rebound();
    traffic(10_100, { outEsp: at(10_100) }, 2);
    expect(traffic(20_000, {}, 2)).toEqual([]);
  });
});

describe('DPD (RFC 7296 §2.4)', () => {
  const idle = (dpdDelayMs: number) => setUp({ keepaliveMs: 0, dpdDelayMs });

  it('goes out iff nothing came in for the delay: neither IKE nor ESP', () => {
    expect(idle(30_000).timeout(29_999)).toEqual([]);
    expect(idle(30_000).timeout(30_000)).toEqual(dpd('idle'));
    const { traffic, timeout } = idle(30_000);
    traffic(10_000, { inEsp: at(10_000) });
    expect(timeout(39_999)).toEqual([]);
    traffic(39_999, { inIke: at(20_000), outIke: at(39_999), outEsp: at(39_999) });
    expect(timeout(50_000)).toEqual(dpd('idle'));
  });

  it('is not needed while any exchange runs, and waits for none', () => {
    const { begin, timeout, policy } = idle(30_000);
    begin(10_000);
    expect(timeout(40_000)).toEqual([]);
    expect(policy.nextDeadline()).toBeUndefined();
  });

  it('is off unless asked for', () => {
    expect(setUp({ keepaliveMs: 0 }).timeout(1e9)).toEqual([]);
  });
});

describe('a connectivity event', () => {
  it('asks whether the path still works', () => {
    expect(setUp().connectivity(1_000)).toEqual(dpd('connectivity'));
    expect(setUp({}, false).connectivity(1_000)).toEqual(dpd('connectivity', false));
  });

  it('moves the SAs at once where that is wanted, although no address has changed (RFC 4555 §3.8)', () => {
    const { connectivity } = setUp({ updateOnConnectivity: true });
    expect(connectivity(1_000)).toEqual([{ kind: 'update-addresses', reason: 'connectivity' }]);
  });

  it.each([false, true])('makes no storm when networks flap ten times a second', (updates) => {
    const { connectivity, begin, end, policy } = setUp({ updateOnConnectivity: updates });
    for (let ms = 1_000; ms < 11_000; ms += 100) {
      if (connectivity(ms).length === 0) continue;
      begin(ms);
      end(ms + 20, 'began');
    }
    const asked = policy.counters.updates + policy.counters.dpds.connectivity;
    expect(asked).toBeGreaterThanOrEqual(10);
    expect(asked).toBeLessThanOrEqual(20);
  });
});

describe('LivenessPolicy as a machine', () => {
  const input = fc.record({
    afterMs: fc.nat({ max: 50_000 }),
    kind: fc.constantFrom(
      'timeout',
      'traffic',
      'slept',
      'connectivity',
      'path',
      'rekeyed',
      'begin',
      'end',
    ),
    verdict: fc.constantFrom('began', 'unchanged', 'changed', undefined),
  });
  const options = fc.record({
    keepaliveMs: fc.constantFrom(0, 1_000, 20_000),
    dpdMarginMs: fc.constantFrom(0, 20_000),
    dpdDelayMs: fc.constantFrom(0, 1, 30_000),
    keepaliveKind: fc.constantFrom<'byte' | 'esp' | 'dpd'>('byte', 'esp', 'dpd'),
    keepaliveWake: fc.constantFrom<WakeClass>('device', 'process'),
    updateOnConnectivity: fc.boolean(),
  });

  it('never waits for what has passed: whatever happens, a timeout at its deadline moves that on', () => {
    fc.assert(
      fc.property(options, fc.array(input, { maxLength: 40 }), (settings, inputs) => {
        const all = setUp(settings);
        let ms = 0;
        for (const { afterMs, kind, verdict } of inputs) {
          ms += afterMs;
          if (kind === 'timeout') all.timeout(ms);
          else if (kind === 'traffic') all.traffic(ms, { outEsp: at(ms), inIke: at(ms - 5) }, ms);
          else if (kind === 'slept') all.slept(ms, 7_000);
          else if (kind === 'connectivity') all.connectivity(ms);
          else if (kind === 'path') all.path(ms, verdict !== 'began');
          else if (kind === 'rekeyed') all.rekeyed(ms);
          else if (kind === 'begin') all.begin(ms);
          else all.end(ms, verdict);
          // At most a keepalive and a question are due at one instant.
          for (let i = 0; i < 3; i += 1) {
            const deadline = all.policy.nextDeadline();
            if (deadline === undefined || deadline.at > ms) break;
            all.timeout(ms);
          }
          expect(all.policy.nextDeadline()?.at ?? ms + 1).toBeGreaterThan(ms);
        }
      }),
    );
  });

  it('returns nothing for a timeout before its deadline', () => {
    fc.assert(
      fc.property(options, fc.nat({ max: 100_000 }), (settings, ms) => {
        const { policy, timeout } = setUp(settings);
        const deadline = policy.nextDeadline();
        if (deadline === undefined || ms < deadline.at) expect(timeout(ms)).toEqual([]);
      }),
    );
  });
});

describe('instants that are no whole numbers', () => {
  it('let the instant that was waited for be the one at which something is done', () => {
    for (let i = 0; i < 2_000; i += 1) {
      const start = instantFromMs(1_000_000 + i * 0.1);
      const policy = new LivenessPolicy(start, { keepaliveMs: 20_000 });
      policy.handle({ kind: 'path', now: start, behindNat: true, canDetect: false });
      const at = policy.nextDeadline()?.at ?? start;
      expect(policy.handle({ kind: 'timeout', now: at })).toEqual([{ kind: 'keepalive' }]);
    }
  });
});
