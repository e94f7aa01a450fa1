import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Flight, Pair } from '../pair.ts';

const SMALL = { clientSettings: { fragmentBytes: 200 }, serverSettings: { fragmentBytes: 200 } };

function recorded(): readonly Flight[] {
  const pair = new Pair(SMALL).open();
  pair.client.command({ kind: 'check-liveness', sessionId: 1 });
  pair.drive(100);
  pair.client.command({ kind: 'close', sessionId: 1 });
  pair.drive(100);
  return pair.flights;
}

const FLIGHTS = recorded();

/** What must not change whatever arrives. */
function essence(pair: Pair): unknown {
  return [
    [...pair.client.children.keys()],
    [...pair.server.children.keys()],
    pair.client.seen('session-closed').length,
    pair.server.seen('session-closed').length,
    pair.server.moves.length,
  ];
}

describe('bad input (RFC 7296 §2.21)', () => {
  it('is dropped without a throw when it is garbage, and changes nothing', () => {
    const pair = new Pair(SMALL).open();
    const before = essence(pair);
    const [any] = FLIGHTS;
    if (!any) throw new Error('nothing recorded');
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom('client' as const, 'server' as const),
        (data, from) => {
          pair.deliver({ ...any, from, data });
          expect(essence(pair)).toEqual(before);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is dropped when it is a changed copy of what was once sent, at any stage', () => {
    fc.assert(
      fc.property(
        fc.nat(40),
        fc.nat(FLIGHTS.length - 1),
        fc.array(fc.tuple(fc.nat(2_000), fc.integer({ min: 1, max: 255 })), {
          minLength: 1,
          maxLength: 4,
        }),
        (settledMs, index, changes) => {
          const pair = new Pair(SMALL);
          pair.initiate();
          pair.drive(settledMs);
          const original = FLIGHTS[index];
          if (!original) return;
          const data = original.data.slice();
          for (const [at, mask] of changes) {
            const offset = at % data.length;
            data[offset] = (data[offset] ?? 0) ^ mask;
          }
          pair.deliver({ ...original, data });
          // A forged IKE_SA_INIT can spoil an attempt, which RFC 7296 cannot prevent; it then ends by itself.
          const isInit = data[18] === 34;
          pair.drive(isInit ? 200_000 : 30_000);
          const opened = pair.client.seen('session-opened').length;
          if (!isInit) expect(opened).toBe(1);
          expect(opened + pair.client.seen('session-closed').length).toBe(1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is answered from the cache or not at all when it is an exact replay', () => {
    const pair = new Pair(SMALL).open();
    const before = essence(pair);
    for (const flight of FLIGHTS.slice(0, pair.flights.length)) {
      pair.deliver(flight);
      pair.drive(10);
    }
    expect(essence(pair)).toEqual(before);
    expect(pair.server.seen('session-opened')).toHaveLength(1);
  });

  it('leaves no session behind when IKE_SA_INIT requests are truncated or changed', () => {
    const [init] = FLIGHTS;
    if (!init) throw new Error('nothing recorded');
    const pair = new Pair();
    for (let length = 0; length < init.data.length; length += 1) {
      const data = init.data.slice(0, length);
      expect(pair.deliver({ ...init, data }).some(({ kind }) => kind === 'request')).toBe(false);
    }
    expect(pair.server.machine.nextDeadline()).toBeUndefined();
  });
});
