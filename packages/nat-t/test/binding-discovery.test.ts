import { instantFromMs } from '@ipsec-kit/clock';
import { BindingDiscovery, BindingMemory, type ProbeOutcome } from '@ipsec-kit/nat-t';
import { describe, expect, it } from 'vitest';
import { discover } from './discover.ts';
import { seeded, TinyNat, type TinyNatOptions } from './tiny-nat.ts';

const SEEDS = 100;

/** Runs a search for every seed; counts those whose interval is good, and the dearest. */
function searches(nat: TinyNatOptions, loss: number) {
  let good = 0;
  let mostProbes = 0;
  let longestMs = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const random = seeded(seed);
    const box = new TinyNat(nat, random);
    const found = discover(new BindingDiscovery(), 'home', { nat: box, random, loss });
    const lifetimes = Array.from({ length: 10 }, () => box.drawLifetimeMs());
    const shortest = Math.min(...lifetimes);
    const mean = lifetimes.reduce((sum, ms) => sum + ms, 0) / lifetimes.length;
    const interval = found.keepaliveMs ?? 0;
    if (interval >= 0.7 * mean && interval < shortest) good += 1;
    mostProbes = Math.max(mostProbes, found.probes);
    longestMs = Math.max(longestMs, found.tookMs);
  }
  return { good, mostProbes, longestMs };
}

describe('BindingDiscovery', () => {
  it.each([20, 30, 60, 120, 300])(
    'finds 70 to 100 percent of %i s in 95 of 100 seeds, with at most 12 probes in 45 minutes (RFC 4787 §4.3)',
    (seconds) => {
      const { good, mostProbes, longestMs } = searches({ lifetimeMs: seconds * 1000 }, 0.05);
      expect(good).toBeGreaterThanOrEqual(95);
      expect(mostProbes).toBeLessThanOrEqual(12);
      expect(longestMs).toBeLessThanOrEqual(45 * 60_000);
    },
  );

  it.each([
    [32, 2_000],
    [64, 1_500],
    [128, 500],
  ])(
    'finds how soon a table of %i entries evicts, with a flow every %i ms',
    (tableSize, everyMs) => {
      const { good, mostProbes } = searches(
        { lifetimeMs: 300_000, tableSize, otherFlowsEveryMs: everyMs },
        0.02,
      );
      expect(good).toBeGreaterThanOrEqual(95);
      expect(mostProbes).toBeLessThanOrEqual(12);
    },
  );

  const random = seeded(7);
  const natOf = (seconds: number): TinyNat => new TinyNat({ lifetimeMs: seconds * 1000 }, random);

  it('never goes below the floor of 10 s', () => {
    const found = discover(new BindingDiscovery(), 'bad', { nat: natOf(6), random });
    expect(found).toMatchObject({ keepaliveMs: 10_000, source: 'found', probes: 2 });
  });

  it('lowers the interval as soon as the first mapping dies, and raises it as they live', () => {
    const short = discover(new BindingDiscovery(), 'bad', { nat: natOf(12), random });
    expect(short.intervals[0]).toMatchObject({ keepaliveMs: 10_000, source: 'searching' });
    const long = discover(new BindingDiscovery(), 'good', { nat: natOf(300), random });
    const raised = long.intervals.map(({ keepaliveMs }) => keepaliveMs);
    expect(raised.length).toBeGreaterThan(4);
    expect(raised).toEqual([...raised].sort((a, b) => a - b));
  });

  it('stops at six minutes where mappings live longer', () => {
    const found = discover(new BindingDiscovery(), 'home', { nat: natOf(7_440), random });
    expect(found.keepaliveMs).toBeGreaterThan(375_000);
    expect(found.keepaliveMs).toBeLessThan(480_000);
    expect(found.probes).toBe(6);
  });

  it('stays with 20 s when nothing answers', () => {
    const found = discover(new BindingDiscovery(), 'dark', { nat: natOf(60), random, loss: 1 });
    expect(found).toMatchObject({ keepaliveMs: 20_000, source: 'unproven', probes: 12 });
  });

  describe("with the server's view only", () => {
    it('finds the lifetime where a new mapping gets another port', () => {
      const look = (isAlive: boolean): ProbeOutcome => (isAlive ? 'same-view' : 'dead');
      const found = discover(new BindingDiscovery(), 'cgn', { nat: natOf(120), random, look });
      expect(found.source).toBe('found');
      expect(found.keepaliveMs).toBeGreaterThanOrEqual(84_000);
      expect(found.keepaliveMs).toBeLessThan(120_000);
    });

    it('takes the same port for no proof of life, where it never sees another', () => {
      const look = (): ProbeOutcome => 'same-view';
      const found = discover(new BindingDiscovery(), 'home', { nat: natOf(30), random, look });
      expect(found).toMatchObject({ keepaliveMs: 20_000, source: 'unproven' });
      expect(found.intervals).toHaveLength(1);
    });
  });

  it('remembers each network, also in another process', () => {
    const memory = new BindingMemory();
    const machine = new BindingDiscovery({}, memory);
    const home = discover(machine, 'home', { nat: natOf(60), random });
    discover(machine, 'cgn', { nat: natOf(20), random });
    const again = new BindingDiscovery({}, new BindingMemory(memory.entries()));
    const now = instantFromMs(0);
    expect(again.handle({ kind: 'network', now, network: 'home' })).toMatchObject([
      { kind: 'interval', keepaliveMs: home.keepaliveMs, source: 'remembered' },
    ]);
    expect(again.nextDeadline()).toBeUndefined();
  });

  it('backs off after a miss, and searches anew after a pause that doubles', () => {
    const machine = new BindingDiscovery();
    const before = discover(machine, 'home', { nat: natOf(120), random }).keepaliveMs ?? 0;
    const at = instantFromMs(10_000_000);
    expect(machine.handle({ kind: 'miss', now: at })).toEqual([
      { kind: 'interval', keepaliveMs: Math.floor(before * 0.7), source: 'missed' },
    ]);
    expect(machine.nextDeadline()).toMatchObject({ name: 'binding search', at: 10_600_000 });
    machine.handle({ kind: 'miss', now: at });
    machine.handle({ kind: 'stop', now: at });
    machine.handle({ kind: 'network', now: at, network: 'home' });
    expect(machine.nextDeadline()?.at).toBe(11_200_000);
    expect(machine.handle({ kind: 'timeout', now: instantFromMs(11_200_000) })).toMatchObject([
      { kind: 'open-probe' },
    ]);
  });

  it('does not go below the floor however often it misses', () => {
    const machine = new BindingDiscovery();
    discover(machine, 'home', { nat: natOf(30), random });
    const last = Array.from({ length: 20 }, () =>
      machine.handle({ kind: 'miss', now: instantFromMs(1e7) }),
    ).at(-1);
    expect(last).toMatchObject([{ keepaliveMs: 10_000 }]);
  });

  it('drops its probe when the network changes, and ignores the answer', () => {
    const machine = new BindingDiscovery();
    const now = instantFromMs(0);
    expect(machine.handle({ kind: 'network', now, network: 'home' })).toEqual([
      { kind: 'open-probe', probeId: 1 },
    ]);
    machine.handle({ kind: 'probe-opened', now, probeId: 1 });
    expect(machine.handle({ kind: 'network', now, network: 'train' })).toEqual([
      { kind: 'close-probe', probeId: 1 },
      { kind: 'open-probe', probeId: 2 },
    ]);
    expect(machine.handle({ kind: 'probe-result', now, probeId: 1, outcome: 'dead' })).toEqual([]);
    expect(machine.handle({ kind: 'stop', now })).toEqual([{ kind: 'close-probe', probeId: 2 }]);
    expect(machine.nextDeadline()).toBeUndefined();
  });

  it('counts the time that the device slept over a look, not the time that it had planned', () => {
    const machine = new BindingDiscovery();
    const at = (ms: number) => instantFromMs(ms);
    machine.handle({ kind: 'network', now: at(0), network: 'home' });
    machine.handle({ kind: 'probe-opened', now: at(0), probeId: 1 });
    machine.handle({ kind: 'timeout', now: at(100_000) });
    const found = machine.handle({
      kind: 'probe-result',
      now: at(100_000),
      probeId: 1,
      outcome: 'alive',
    });
    expect(found).toContainEqual(
      expect.objectContaining({ kind: 'interval', keepaliveMs: 79_000, lifetimeMs: 100_000 }),
    );
  });
});

describe('BindingMemory', () => {
  it('forgets the network that was not used for longest', () => {
    const memory = new BindingMemory([], 2);
    const some = { aliveMs: 1, keepaliveMs: 1, misses: 0, isDistrusted: false };
    memory.set('a', some);
    memory.set('b', some);
    memory.get('a');
    memory.set('c', some);
    expect(memory.entries().map(([network]) => network)).toEqual(['a', 'c']);
    memory.delete('a');
    expect(memory.get('a')).toBeUndefined();
  });
});
