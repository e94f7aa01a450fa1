import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drops, numbersFrom } from './engine-fixture.ts';
import { type End, type LinkOptions, TwoEnds } from './two-ends.ts';

/** Longest way of a message, in ticks. */
const MAX_DELAY = 20;
/** How long a replaced pair still receives: longer than any packet travels. */
const LINGER = 50;
/** Ticks from one change to the next. */
const PERIOD = 220;

/** Numbers that look random, the same for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed >>> 0;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

/** Replaces a pair as RFC 7296 §2.8 has it: the responder installs, the initiator moves when the answer comes, the
 * responder at the DELETE or the first packet, and the old pair receives on for a while.
 */
function rekey(ends: TwoEnds, initiator: End, old: number, next: number): void {
  const responder = ends.other(initiator);
  ends.message(() => {
    ends.install(responder, next, false);
    ends.message(() => {
      ends.install(initiator, next, true);
      deleteOld(ends, initiator, old, next);
    });
  });
}

/** A reauthentication, or a first IKE_AUTH: the initiator knows its SPI before the answer comes, and `verifyTicks`
 * before it has verified it; the responder may not wait for that.
 */
function reauthenticate(
  ends: TwoEnds,
  initiator: End,
  old: number,
  next: number,
  how: { reserves: boolean; responderWaits: boolean; verifyTicks: number },
): void {
  const responder = ends.other(initiator);
  if (how.reserves) initiator.engine.reserveSpi(ends.pair(initiator, next).inbound.spi);
  ends.message(() => {
    ends.install(responder, next, !how.responderWaits);
    ends.message(() =>
      ends.after(how.verifyTicks, () => {
        ends.install(initiator, next, true);
        deleteOld(ends, initiator, old, next);
      }),
    );
  });
}

function deleteOld(ends: TwoEnds, initiator: End, old: number, next: number): void {
  const retire = (end: End): void => {
    end.engine.deactivateOutbound(old);
    ends.after(LINGER, () => end.engine.remove(old));
  };
  ends.message(() => {
    const responder = ends.other(initiator);
    ends.activate(responder, next);
    retire(responder);
    ends.message(() => retire(initiator));
  });
}

function start(options: LinkOptions, changes: number): TwoEnds {
  const ends = new TwoEnds(options);
  ends.install(ends.client, 1, true);
  ends.install(ends.server, 1, true);
  ends.sendUntil = changes * PERIOD;
  return ends;
}

const inOrder = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);

/** Every number once, and nothing dropped anywhere. */
function expectAllDelivered(ends: TwoEnds): void {
  for (const end of [ends.client, ends.server]) {
    expect(inOrder(end.received)).toEqual(numbersFrom(1, ends.other(end).sent));
    expect(drops(end.engine)).toEqual({});
    expect(end.engine.counters().heldPackets).toBe(0);
  }
}

const change = fc.record({
  initiator: fc.constantFrom('client' as const, 'server' as const),
  kind: fc.constantFrom('rekey', 'reauthenticate'),
  responderWaits: fc.boolean(),
  verifyTicks: fc.nat(60),
});

describe('a pair that is replaced under traffic (RFC 7296 §2.8)', () => {
  it('loses and doubles no packet, whoever begins, on a link that reorders', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 1, max: 3 }),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        (seed, packetsPerTick, changes) => {
          const roll = dice(seed);
          const delay = () => 1 + roll(MAX_DELAY);
          const ends = start({ delay, packetsPerTick }, changes.length);
          for (const [index, { initiator, kind, ...how }] of changes.entries()) {
            const [old, next] = [index + 1, index + 2];
            if (kind === 'rekey') rekey(ends, ends[initiator], old, next);
            else reauthenticate(ends, ends[initiator], old, next, { ...how, reserves: true });
            ends.run(PERIOD);
          }
          ends.run(PERIOD);
          expect(ends.client.engine.pairCounters(changes.length)).toBeUndefined();
          expectAllDelivered(ends);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('reorders none on a link that does not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: MAX_DELAY }),
        change,
        (ticks, { initiator, ...how }) => {
          const ends = start({ delay: () => ticks, packetsPerTick: 2, replayWindowPackets: 32 }, 2);
          reauthenticate(ends, ends[initiator], 1, 2, { ...how, reserves: true });
          ends.run(PERIOD);
          rekey(ends, ends[initiator], 2, 3);
          ends.run(2 * PERIOD);
          expectAllDelivered(ends);
          for (const end of [ends.client, ends.server]) {
            expect(end.received).toEqual(inOrder(end.received));
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  it('would lose what an eager responder sends, without a reserved SPI', () => {
    const lostOf = (reserves: boolean): number => {
      const ends = start({ delay: () => 5, packetsPerTick: 2 }, 1);
      const how = { reserves, responderWaits: false, verifyTicks: 30 };
      reauthenticate(ends, ends.client, 1, 2, how);
      ends.run(2 * PERIOD);
      return ends.server.sent - ends.client.received.length;
    };
    // Two packets a tick, while the initiator verifies.
    expect([lostOf(false), lostOf(true)]).toEqual([60, 0]);
  });
});
