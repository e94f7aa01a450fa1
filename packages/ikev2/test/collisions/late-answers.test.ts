import { describe, expect, it } from 'vitest';
import { type Flight, type Host, Pair } from '../pair.ts';

const sides = ['client', 'server'] as const;
const CREATE_CHILD_SA = 36;
const RESPONSE = 0x20;

function sessionOf(host: Host): number {
  return host.seen('session-opened')[0]?.sessionId ?? -1;
}

function rekey(host: Host): void {
  const childId = [...host.children.keys()].at(-1) ?? -1;
  host.command({ kind: 'rekey-child', sessionId: sessionOf(host), childId });
}

/** Holds the first answer to a CREATE_CHILD_SA of one side, and loses what asks for it again. */
function holdAnswerTo(pair: Pair, side: 'client' | 'server'): () => void {
  let held: Flight | undefined;
  let request: number | undefined;
  pair.wire = (flight) => {
    const isCreation = flight.data[18] === CREATE_CHILD_SA;
    const isResponse = ((flight.data[19] ?? 0) & RESPONSE) !== 0;
    const messageId = new DataView(flight.data.buffer, flight.data.byteOffset).getUint32(20);
    if (isCreation && isResponse && flight.from !== side && !held) {
      held = flight;
      return [];
    }
    if (isCreation && !isResponse && flight.from === side) {
      if (request === messageId) return [];
      request ??= messageId;
    }
    return [{ flight }];
  };
  return () => {
    if (!held) throw new Error('no answer was held');
    pair.deliver(held);
  };
}

function expectOne(pair: Pair, label: string): void {
  const { client, server } = pair;
  expect([label, client.children.size, server.children.size]).toEqual([label, 1, 1]);
  const [ours] = [...client.children.values()];
  const [theirs] = [...server.children.values()];
  expect([label, ours?.outboundSpi]).toEqual([label, theirs?.inboundSpi]);
  for (const host of [client, server]) {
    expect([label, host.removedTwice]).toEqual([label, 0]);
    expect([label, host.seen('child-opened').length, host.seen('child-closed').length]).toEqual([
      label,
      1,
      0,
    ]);
  }
}

describe('a late answer to a rekey that met another (RFC 7296 §2.8.1)', () => {
  for (const side of sides) {
    it(`leaves one Child SA when the peer's has been replaced twice meanwhile, the ${side}'s being late`, () => {
      let survivors = 0;
      for (let seed = 0; seed < 8; seed += 1) {
        const pair = new Pair({ seed: `late/${seed}` }).open();
        const other = pair[side === 'client' ? 'server' : 'client'];
        const release = holdAnswerTo(pair, side);
        rekey(pair.client);
        rekey(pair.server);
        for (let times = 0; times < 2; times += 1) {
          pair.drive(8_000);
          const known = other.seen('child-rekeyed').at(-1)?.newChildId;
          if (known === undefined) continue;
          survivors += 1;
          other.command({ kind: 'rekey-child', sessionId: sessionOf(other), childId: known });
        }
        pair.drive(8_000);
        release();
        pair.wire = (flight) => [{ flight }];
        pair.drive(60_000);
        expectOne(pair, `seed ${seed}`);
      }
      // Whichever has the lowest nonce: in some the peer's stays, and is replaced.
      expect(survivors).toBeGreaterThan(0);
    });
  }
});

describe('an answer that comes while ours to the same request of the peer is still being made (RFC 7296 §2.25.1, §2.25.2)', () => {
  for (const what of ['child', 'ike'] as const) {
    for (const side of sides) {
      it(`waits for it: both sides see the collision, as ${side}, of the ${what === 'ike' ? 'IKE' : 'Child'} SA`, () => {
        for (let seed = 0; seed < 8; seed += 1) {
          const pair = new Pair({ seed: `held/${seed}`, answerDelayMs: 20 }).open();
          const other = side === 'client' ? 'server' : 'client';
          const lateMs = what === 'ike' ? 45 : 25;
          // The peer's request overtakes its answer by 5 ms, and takes longer to be answered.
          pair.wire = (flight) => {
            const isRequest = ((flight.data[19] ?? 0) & RESPONSE) === 0;
            const isLate = flight.from === other && isRequest;
            const isCreation = flight.data[18] === CREATE_CHILD_SA;
            return [{ flight, ...(isLate && isCreation ? { delayMs: lateMs } : {}) }];
          };
          for (const host of [pair.client, pair.server]) {
            if (what === 'child') rekey(host);
            else host.command({ kind: 'rekey-ike', sessionId: sessionOf(host) });
          }
          pair.drive(60_000);
          expect([...pair.client.story, ...pair.server.story].join()).not.toContain('TEMPORARY');
          const answers = pair[side].story.filter((line) =>
            /^sent CREATE_CHILD_SA response: SA/.test(line),
          );
          expect(answers.length).toBeGreaterThan(0);
          if (what === 'child') expectOne(pair, `seed ${seed}`);
          for (const host of [pair.client, pair.server]) {
            const rekeyed = what === 'ike' ? 'session-rekeyed' : 'child-rekeyed';
            expect(host.seen(rekeyed).length).toBe(1);
          }
        }
      });
    }
  }
});

describe('a rekey of what the peer does not know yet (RFC 7296 §2.25)', () => {
  it('waits until the Child SA is in use', () => {
    const pair = new Pair().open();
    const release = holdAnswerTo(pair, 'client');
    rekey(pair.client);
    pair.drive(2_000);
    expect(pair.server.children.size).toBe(2);
    rekey(pair.server);
    pair.drive(2_000);
    expect(pair.server.story.filter((line) => line.includes('sent CREATE_CHILD'))).toHaveLength(1);
    release();
    pair.wire = (flight) => [{ flight }];
    pair.drive(60_000);
    expectOne(pair, 'after');
    expect(pair.server.seen('child-rekeyed').map(({ by }) => by)).toEqual(['peer', 'local']);
  });

  it('is put off while our answer is awaited, and done afterwards: nothing is opened anew', () => {
    const pair = new Pair().open();
    const release = holdAnswerTo(pair, 'client');
    rekey(pair.client);
    // As if the responder had used it in any case.
    pair.drive(500);
    const unknown = [...pair.server.children.keys()].at(-1) ?? -1;
    const now = pair.now;
    pair.server.handle({ kind: 'child-first-inbound', now, childId: unknown });
    rekey(pair.server);
    pair.drive(200);
    expect(pair.client.story.at(-1)).toMatch(
      /^sent CREATE_CHILD_SA response: N\(TEMPORARY_FAILURE\)/,
    );
    release();
    pair.wire = (flight) => [{ flight }];
    pair.drive(120_000);
    expectOne(pair, 'after');
    expect(pair.server.seen('child-rekeyed').map(({ by }) => by)).toEqual(['peer', 'local']);
  });

  it('is put off as well where it replaces nothing, so that what was sent on it is not given up', () => {
    const pair = new Pair().open();
    const release = holdAnswerTo(pair, 'client');
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net' });
    pair.drive(500);
    rekey(pair.server);
    pair.drive(200);
    expect(pair.server.story.at(-1)).toContain('N(TEMPORARY_FAILURE)');
    expect(pair.server.seen('child-closed')).toHaveLength(0);
    release();
    pair.wire = (flight) => [{ flight }];
    pair.drive(120_000);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([2, 2]);
    expect(pair.client.seen('child-failed')).toHaveLength(0);
  });
});

describe('a session that its user closes while both sides rekey its IKE SA (RFC 7296 §1.4.1, §2.8.2)', () => {
  for (const side of sides) {
    it(`is closed at both ends, though the ${side}, whose user does, had no answer when the peer deleted the old one`, () => {
      const pair = new Pair().open();
      const other = side === 'client' ? 'server' : 'client';
      const closer = pair[side];
      // Its own request takes longer than the whole exchange of the peer.
      pair.wire = (flight) => {
        const isCreation = flight.data[18] === CREATE_CHILD_SA;
        const isRequest = ((flight.data[19] ?? 0) & RESPONSE) === 0;
        return [{ flight, delayMs: isCreation && isRequest && flight.from === side ? 500 : 0 }];
      };
      closer.command({ kind: 'rekey-ike', sessionId: sessionOf(closer) });
      pair[other].command({ kind: 'rekey-ike', sessionId: sessionOf(pair[other]) });
      pair.drive(12);
      closer.command({ kind: 'close', sessionId: sessionOf(closer) });
      pair.drive(5_000);
      expect(closer.closeCode).toBe('closed-by-user');
      expect(pair[other].closeCode).toBe('peer-deleted');
      expect([pair.client.children.size, pair.server.children.size]).toEqual([0, 0]);
    });
  }
});
