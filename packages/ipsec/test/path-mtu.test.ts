import { type Instant, instantFromMs } from '@ipsec-kit/clock';
import {
  createPathMtu,
  type PathMtu,
  type PathMtuInput,
  type PathMtuOptions,
  type PathMtuOutput,
} from '@ipsec-kit/ipsec';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSearchOver, nextCandidate } from '../src/path-mtu-candidates.ts';

type Event = PathMtuInput extends infer Input
  ? Input extends { now: Instant }
    ? Omit<Input, 'now'>
    : never
  : never;

/** A path in virtual time, that loses what is too large without a word. */
class BlackHole {
  readonly machine: PathMtu;
  readonly told: Extract<PathMtuOutput, { kind: 'path-mtu' }>[] = [];
  silences = 0;
  timeouts = 0;
  readonly probes: { atMs: number; bytes: number; probeId: number }[] = [];
  mtu: number;
  roundTripMs = 40;
  /** The share of all packets that is lost; drawn by `random`. */
  loss = 0;
  random: () => number = () => 0.5;
  nowMs = 1000;
  readonly #answers: { atMs: number; probeId: number }[] = [];

  constructor(mtu: number, options: Partial<PathMtuOptions> = {}, linkMtu = 1500) {
    this.mtu = mtu;
    this.machine = createPathMtu({ outerVersion: 4, ...options });
    this.give({ kind: 'path', linkMtu });
  }

  give(event: Event): void {
    const now = instantFromMs(this.nowMs);
    for (const output of this.machine.handle({ ...event, now } as PathMtuInput)) {
      if (output.kind === 'path-mtu') this.told.push(output);
      else if (output.kind === 'silent') this.silences += 1;
      else this.#probe(output.probeId, output.bytes);
    }
  }

  #probe(probeId: number, bytes: number): void {
    this.probes.push({ atMs: this.nowMs, bytes, probeId });
    if (bytes > this.mtu || this.random() < this.loss) return;
    this.#answers.push({ atMs: this.nowMs + this.roundTripMs, probeId });
  }

  run(ms: number): void {
    const end = this.nowMs + ms;
    for (let turn = 0; turn < 10_000; turn += 1) {
      const deadline = this.machine.nextDeadline()?.at ?? Number.POSITIVE_INFINITY;
      const answer = this.#answers[0]?.atMs ?? Number.POSITIVE_INFINITY;
      const next = Math.min(deadline, answer);
      if (next > end) break;
      this.nowMs = Math.max(next, this.nowMs);
      const due = answer <= deadline ? this.#answers.shift() : undefined;
      if (!due) this.timeouts += 1;
      this.give(due ? { kind: 'answered', probeId: due.probeId } : { kind: 'timeout' });
    }
    this.nowMs = end;
  }

  get bytes(): number {
    return this.machine.bytes;
  }
}

describe('path MTU discovery (RFC 8899 §5)', () => {
  it('finds Ethernet in one round trip, and is at the base size until then', () => {
    const path = new BlackHole(1500);
    expect(path.bytes).toBe(1280);
    path.run(40);
    expect(path.told).toEqual([
      { kind: 'path-mtu', bytes: 1280, reason: 'base' },
      { kind: 'path-mtu', bytes: 1500, reason: 'found' },
    ]);
    expect(path.probes).toEqual([{ atMs: 1000, bytes: 1500, probeId: 1 }]);
  });

  it.each([1492, 1480, 1472, 1452, 1420, 1400, 1340, 1280])(
    'finds a common size of %d exactly, through a black hole, within 30 s',
    (mtu) => {
      const path = new BlackHole(mtu);
      path.run(30_000);
      expect(path.told.at(-1)).toEqual({ kind: 'path-mtu', bytes: mtu, reason: 'found' });
    },
  );

  it('finds any size to 8 bytes, and never uses one that does not come through', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1280, max: 9000 }),
        fc.integer({ min: 1280, max: 9000 }),
        (mtu, link) => {
          const path = new BlackHole(mtu, {}, link);
          path.run(120_000);
          const expected = Math.min(mtu, link);
          expect(path.told.at(-1)?.reason).toBe('found');
          expect(path.bytes).toBeLessThanOrEqual(expected);
          expect(path.bytes).toBeGreaterThan(expected - 9);
          for (const { bytes } of path.told) expect(bytes).toBeLessThanOrEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is not misled by packets that are lost for other reasons', () => {
    let state = 7;
    const random = (): number => {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      return state / 2 ** 31;
    };
    let right = 0;
    for (let run = 0; run < 100; run += 1) {
      const path = new BlackHole(1500);
      path.random = random;
      path.loss = 0.1;
      path.run(60_000);
      if (path.bytes === 1500) right += 1;
    }
    // Three in a row are lost of one in a thousand sizes; the first one is lost before it was named.
    expect(right).toBeGreaterThan(95);
  });

  it.each([0.5, 0.7, 0.8, 0.9])(
    'does not take overload for a black hole, though %d of all packets are lost (RFC 8899 §4.3)',
    (loss) => {
      let state = 7;
      const random = (): number => {
        state = (state * 1103515245 + 12345) % 2 ** 31;
        return state / 2 ** 31;
      };
      let lowered = 0;
      for (let run = 0; run < 200; run += 1) {
        const path = new BlackHole(1500, { confirmMs: 10_000 });
        path.run(1_000);
        path.random = random;
        path.loss = loss;
        path.run(40_000);
        if (path.told.some(({ reason }) => reason === 'lost')) lowered += 1;
        path.loss = 0;
        path.run(700_000);
        expect(path.bytes).toBe(1500);
      }
      // Each of some four trials comes to a wrong end in one of 2^8 cases; three losses alone would be one half to all of them.
      expect(lowered).toBeLessThan(10);
    },
  );

  it('finds a black hole on a path that loses a third of everything', () => {
    let state = 11;
    const path = new BlackHole(1500, { confirmMs: 10_000 });
    path.run(1_000);
    path.random = () => {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      return state / 2 ** 31;
    };
    path.loss = 0.33;
    path.mtu = 1400;
    path.run(60_000);
    expect(path.bytes).toBeLessThanOrEqual(1400);
    path.loss = 0;
    path.run(700_000);
    expect(path.bytes).toBe(1400);
  });

  it.each([0.33, 0.5])(
    'finds a black hole within two minutes on a path that loses %d of everything besides',
    (loss) => {
      let state = 13;
      let found = 0;
      for (let run = 0; run < 50; run += 1) {
        const path = new BlackHole(1500, { confirmMs: 10_000 });
        path.run(1_000);
        path.random = () => {
          state = (state * 1103515245 + 12345) % 2 ** 31;
          return state / 2 ** 31;
        };
        path.loss = loss;
        path.mtu = 1400;
        path.run(120_000);
        if (path.bytes <= 1400) found += 1;
      }
      expect(found).toBeGreaterThan(47);
    },
  );

  it('says that more than the base size is too large only when something was lost again and again (RFC 8899 §4.3)', () => {
    const overloaded = new BlackHole(0);
    overloaded.run(60_000);
    expect(overloaded.told.every(({ reason }) => reason === 'base')).toBe(true);
    expect(overloaded.probes.length).toBeLessThan(60);
    const narrow = new BlackHole(1400);
    narrow.run(10_000);
    expect(narrow.told.slice(0, 2)).toEqual([
      { kind: 'path-mtu', bytes: 1280, reason: 'base' },
      { kind: 'path-mtu', bytes: 1280, reason: 'searching' },
    ]);
  });

  it('keeps what it has when nothing is answered any more, and says that once (RFC 8899 §3, requirement 7)', () => {
    const path = new BlackHole(1500, { confirmMs: 10_000 });
    path.run(1_000);
    path.mtu = 0;
    path.run(200_000);
    expect(path.bytes).toBe(1500);
    expect(path.silences).toBe(1);
    path.mtu = 1400;
    path.run(600_000);
    expect(path.told.at(-1)).toMatchObject({ bytes: 1400, reason: 'found' });
  });

  it('does not take an outage for a small path (RFC 8899 §3, requirement 7)', () => {
    const path = new BlackHole(1500);
    path.mtu = 0;
    // The first probe came through before; forget it by a new path.
    path.give({ kind: 'path', linkMtu: 1500 });
    path.run(300_000);
    expect(path.bytes).toBe(1280);
    path.mtu = 1500;
    path.run(300_000);
    expect(path.bytes).toBe(1500);
  });

  it('goes down when what came through does so no more, and finds the new size (RFC 8899 §4.3)', () => {
    const path = new BlackHole(1500);
    path.run(1000);
    path.mtu = 1400;
    path.give({ kind: 'suspect' });
    path.run(4_000);
    expect(path.told.at(-1)?.bytes).toBeLessThanOrEqual(1400);
    expect(path.told.some(({ bytes, reason }) => bytes === 1280 && reason === 'lost')).toBe(true);
    path.run(30_000);
    expect(path.told.at(-1)).toEqual({ kind: 'path-mtu', bytes: 1400, reason: 'found' });
  });

  it('notices it by itself, while packets flow', () => {
    const path = new BlackHole(1500);
    path.run(1000);
    path.mtu = 1400;
    path.run(100_000);
    expect(path.bytes).toBe(1400);
  });

  it('stands a suspicion that was wrong with one probe', () => {
    const path = new BlackHole(1500);
    path.run(1000);
    path.give({ kind: 'suspect' });
    path.give({ kind: 'suspect' });
    path.run(1000);
    expect(path.probes.map(({ bytes }) => bytes)).toEqual([1500, 1500]);
    expect(path.told.length).toBe(2);
  });

  it('looks for more after ten minutes (RFC 8899 §5.1.1)', () => {
    const path = new BlackHole(1400);
    path.run(60_000);
    path.mtu = 1500;
    path.run(500_000);
    expect(path.bytes).toBe(1400);
    path.run(100_000);
    expect(path.bytes).toBe(1500);
  });

  it('leaves an idle path alone (RFC 8899 §5.1.1)', () => {
    const path = new BlackHole(1400);
    path.run(60_000);
    const before = path.probes.length;
    path.give({ kind: 'traffic', outPackets: 100 });
    path.run(65_000);
    const confirmed = path.probes.length;
    expect(confirmed).toBe(before + 1);
    // Its own probe is no traffic.
    path.give({ kind: 'traffic', outPackets: 101 });
    path.run(3_600_000);
    expect(path.probes.length).toBe(confirmed);
    path.give({ kind: 'traffic', outPackets: 104 });
    path.run(65_000);
    expect(path.probes.length).toBeGreaterThan(confirmed);
  });

  it('takes answers to the probes of the peer for no use: two idle ends do not keep each other awake', () => {
    const path = new BlackHole(1400);
    path.run(60_000);
    path.give({ kind: 'traffic', outPackets: 100 });
    path.run(65_000);
    const confirmed = path.probes.length;
    path.give({ kind: 'traffic', outPackets: 102 });
    path.run(65_000);
    path.give({ kind: 'traffic', outPackets: 103 });
    path.run(3_600_000);
    expect(path.probes.length).toBe(confirmed);
  });

  it('looks at an idle path more and more seldom, and confirms it as soon as ever when it is used again', () => {
    const path = new BlackHole(1500, { confirmMs: 10_000 });
    path.run(60_000);
    path.give({ kind: 'traffic', outPackets: 100 });
    path.run(11_000);
    path.give({ kind: 'traffic', outPackets: 101 });
    const before = path.timeouts;
    path.run(3_600_000);
    // 20, 40, 80, 160, 300, 300 s ...
    expect(path.timeouts - before).toBeLessThan(18);
    const confirmed = path.probes.length;
    path.give({ kind: 'traffic', outPackets: 110 });
    path.run(10_001);
    expect(path.probes.length).toBe(confirmed + 1);
  });

  it('does not believe ICMP, but tries what it says (RFC 8899 §4.6)', () => {
    const honest = new BlackHole(1500);
    honest.run(1000);
    honest.mtu = 1333;
    honest.give({ kind: 'too-big', mtu: 1333 });
    honest.run(8_000);
    expect(honest.bytes).toBe(1333);
    const forged = new BlackHole(1500);
    forged.run(1000);
    for (const mtu of [68, 1300, 1499, 1500, 70000, Number.NaN]) {
      forged.give({ kind: 'too-big', mtu });
      forged.run(1000);
      expect(forged.bytes).toBe(1500);
    }
    expect(forged.told.length).toBe(2);
  });

  it('tries what a router says at once, while it looks for the size, and uses it when it comes through (RFC 8899 §4.6.2)', () => {
    const path = new BlackHole(1400);
    path.run(20);
    path.give({ kind: 'too-big', mtu: 1400 });
    path.run(40);
    expect([path.bytes, path.probes.slice(0, 3).map(({ bytes }) => bytes)]).toEqual([
      1400,
      [1500, 1400, 1500],
    ]);
    path.run(60_000);
    expect(path.told.at(-1)).toEqual({ kind: 'path-mtu', bytes: 1400, reason: 'found' });
  });

  it('ends its search though hints come without end, and believes none of them', () => {
    const path = new BlackHole(1500);
    for (let hint = 1281; path.told.at(-1)?.reason !== 'found' && hint < 1481; hint += 1) {
      path.give({ kind: 'too-big', mtu: hint });
      path.run(41);
    }
    expect([path.bytes, path.told.at(-1)?.reason]).toEqual([1500, 'found']);
  });

  it('believes the first link, in both directions', () => {
    const path = new BlackHole(1500);
    path.run(1000);
    path.give({ kind: 'link', linkMtu: 1420 });
    expect(path.told.slice(-2)).toEqual([
      { kind: 'path-mtu', bytes: 1420, reason: 'link' },
      { kind: 'path-mtu', bytes: 1420, reason: 'found' },
    ]);
    path.run(1000);
    path.give({ kind: 'link', linkMtu: 1500 });
    path.run(1000);
    expect(path.bytes).toBe(1500);
  });

  it('goes below the base size for IPv4, where there is no other way, and not for IPv6 (RFC 8200 §5)', () => {
    const path = new BlackHole(900);
    path.run(60_000);
    expect([path.bytes, path.told.at(-1)?.reason]).toEqual([expect.any(Number), 'found']);
    expect(path.bytes).toBeGreaterThan(891);
    expect(path.bytes).toBeLessThanOrEqual(900);
    const six = new BlackHole(900, { outerVersion: 6 });
    six.run(600_000);
    expect(six.bytes).toBe(1280);
    // Ever more seldom, and no end to it.
    expect(six.probes.length).toBeLessThan(40);
    expect(six.machine.nextDeadline()).toBeDefined();
  });

  it('begins anew on another path, and a late answer from the old one says nothing', () => {
    const path = new BlackHole(1500);
    path.roundTripMs = 500;
    path.mtu = 1500;
    path.run(100);
    path.mtu = 1400;
    path.give({ kind: 'path', linkMtu: 1500 });
    path.run(450);
    expect(path.bytes).toBe(1280);
    path.run(60_000);
    expect(path.bytes).toBe(1400);
  });

  it('counts its probes from 1 to 65535, and takes answers across the turn', () => {
    const path = new BlackHole(1500);
    path.run(1000);
    for (let more = 0; more < 65540; more += 1) {
      path.give({ kind: 'suspect' });
      path.run(40);
    }
    const ids = path.probes.map(({ probeId }) => probeId);
    expect(ids.slice(65533, 65537)).toEqual([65534, 65535, 1, 2]);
    // Each was answered at once, or there would have been another try.
    expect([ids.length, path.told.length]).toEqual([65541, 2]);
  });

  it('is silent when it is stopped', () => {
    const path = new BlackHole(1400);
    path.give({ kind: 'stop' });
    const before = path.probes.length;
    for (const event of [
      { kind: 'timeout' },
      { kind: 'suspect' },
      { kind: 'link', linkMtu: 1300 },
      { kind: 'too-big', mtu: 1290 },
      { kind: 'answered', probeId: 1 },
    ] as const) {
      path.give(event);
    }
    expect([path.probes.length, path.machine.nextDeadline()]).toEqual([before, undefined]);
  });

  it('does nothing before its deadline, and never throws, whatever comes in any order', () => {
    const event = fc.oneof(
      fc.constant<Event>({ kind: 'timeout' }),
      fc.constant<Event>({ kind: 'suspect' }),
      fc.constant<Event>({ kind: 'stop' }),
      fc.integer({ min: 0, max: 65535 }).map((linkMtu): Event => ({ kind: 'path', linkMtu })),
      fc.integer({ min: 0, max: 65535 }).map((linkMtu): Event => ({ kind: 'link', linkMtu })),
      fc.integer({ min: 0, max: 100 }).map((probeId): Event => ({ kind: 'answered', probeId })),
      fc.integer({ min: 0, max: 70000 }).map((mtu): Event => ({ kind: 'too-big', mtu })),
      fc.nat(1000).map((outPackets): Event => ({ kind: 'traffic', outPackets })),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(event, fc.nat(3_000)), { maxLength: 60 }), (events) => {
        const machine = createPathMtu({ outerVersion: 4 });
        let nowMs = 0;
        let most = 1280;
        for (const [next, ms] of events) {
          nowMs += ms;
          const deadline = machine.nextDeadline()?.at ?? Number.POSITIVE_INFINITY;
          const outputs = machine.handle({ ...next, now: instantFromMs(nowMs) } as PathMtuInput);
          if (next.kind === 'timeout' && nowMs < deadline) expect(outputs).toEqual([]);
          if (next.kind === 'path' || next.kind === 'link') most = Math.max(next.linkMtu, 576);
          expect(outputs.length).toBeLessThan(4);
          expect(machine.bytes).toBeLessThanOrEqual(Math.max(most, 1280));
          for (const output of outputs) {
            if (output.kind !== 'silent') expect(output.bytes).toBeGreaterThanOrEqual(576);
          }
        }
      }),
    );
  });

  it.each([
    [{ baseBytes: 500 }, /"baseBytes" expected 576 to 65535, got 500/],
    [{ raiseMs: 0 }, /"raiseMs" expected/],
    [{ confirmMs: 0.5 }, /"confirmMs" expected/],
  ])('refuses %j', (options, message) => {
    expect(() => createPathMtu({ outerVersion: 4, ...options })).toThrow(message);
  });
});

describe('the size to be tried next', () => {
  it('lies between what came through and what did not, and the search ends', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 576, max: 9000 }),
        fc.integer({ min: 577, max: 9001 }),
        (real, most) => {
          let range = { lowBytes: 576, highBytes: most + 1, mostBytes: most };
          let steps = 0;
          for (; !isSearchOver(range); steps += 1) {
            const bytes = nextCandidate(range, undefined);
            expect(bytes).toBeGreaterThan(range.lowBytes);
            expect(bytes).toBeLessThan(range.highBytes);
            range = bytes <= real ? { ...range, lowBytes: bytes } : { ...range, highBytes: bytes };
          }
          expect(steps).toBeLessThan(16);
        },
      ),
    );
  });
});
