import { addMs } from '@ipsec-kit/clock';
import { createSeededRandom } from '@ipsec-kit/crypto';
import { describe, expect, it } from 'vitest';
import { child, Pair, type PairOptions } from '../pair.ts';

const FRAGMENTED: PairOptions = {
  clientSettings: { fragmentBytes: 200 },
  serverSettings: { fragmentBytes: 200 },
};

function flightsOf(options: PairOptions): number {
  return new Pair(options).open().flights.length;
}

/** Drops the flight of one number; everything else arrives. */
function openWithout(options: PairOptions, lost: number): Pair {
  const pair = new Pair(options);
  pair.wire = (flight) => (flight.index === lost ? [] : [{ flight }]);
  pair.initiate();
  return pair.drive(60_000);
}

describe('loss, duplication and reordering (RFC 7296 §2.1)', () => {
  for (const [name, options] of Object.entries({ whole: {}, fragmented: FRAGMENTED })) {
    const count = flightsOf(options);
    it(`survives the loss of any single one of ${count} ${name} packets`, () => {
      expect(count).toBeGreaterThan(3);
      for (let lost = 0; lost < count; lost += 1) {
        const pair = openWithout(options, lost);
        expect([lost, pair.client.children.size, pair.server.children.size]).toEqual([lost, 1, 1]);
        expect(pair.server.seen('session-opened')).toHaveLength(1);
      }
    });
  }

  it('retransmits bitwise the same request, after 4, 7.2, 12.96 ... seconds', () => {
    const pair = new Pair();
    pair.wire = () => [];
    pair.initiate();
    const sentAt: number[] = [];
    const start = pair.now;
    pair.wire = () => {
      sentAt.push(Math.round(pair.now - start));
      return [];
    };
    pair.drive(300_000);
    expect(sentAt).toEqual([4_000, 11_200, 24_160, 47_488, 89_478]);
    const [first, ...again] = pair.flights.map(({ data }) => data);
    for (const data of again) expect(data).toEqual(first);
    expect(pair.client.closeCode).toBe('peer-unreachable');
    expect(pair.client.seen('session-closed')[0]?.failure.sentence).toContain('198.51.100.1:500');
  });

  it('starts anew with another SPI as often as keyingTries says', () => {
    const pair = new Pair({ client: { keyingTries: 3 } });
    pair.wire = () => [];
    pair.initiate();
    pair.drive(165_000 * 3 + 10_000);
    expect(pair.client.seen('session-retried').map(({ attempt }) => attempt)).toEqual([2, 3]);
    const spis = new Set(pair.flights.map(({ data }) => data.subarray(0, 8).join('.')));
    expect(spis.size).toBe(3);
    expect(pair.client.closeCode).toBe('peer-unreachable');
  });

  it('reaches a peer that comes up late', () => {
    const pair = new Pair({ client: { keyingTries: 0 } });
    pair.wire = () => [];
    pair.initiate();
    pair.drive(400_000);
    pair.wire = (flight) => [{ flight }];
    pair.drive(200_000);
    expect(pair.client.children.size).toBe(1);
  });

  it('takes every packet twice without a second session, child or answer of another content', () => {
    const pair = new Pair(FRAGMENTED);
    pair.wire = (flight) => [{ flight }, { flight, delayMs: 3 }];
    pair.open();
    expect(pair.client.children.size).toBe(1);
    expect(pair.server.children.size).toBe(1);
    expect(pair.server.seen('session-opened')).toHaveLength(1);
    expect(pair.client.seen('session-opened')).toHaveLength(1);
  });

  it('opens under 30% loss, duplication and reordering, for any seed', () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const random = createSeededRandom(`loss/${seed}`);
      const byte = new Uint8Array(1);
      const draw = (): number => {
        random.fill(byte);
        return (byte[0] ?? 0) / 256;
      };
      const pair = new Pair({ seed: `loss/${seed}`, ...(seed % 2 ? FRAGMENTED : {}) });
      pair.wire = (flight) => {
        if (draw() < 0.3) return [];
        const copies = draw() < 0.2 ? 2 : 1;
        return Array.from({ length: copies }, () => ({ flight, delayMs: draw() * 200 }));
      };
      pair.initiate();
      pair.drive(170_000);
      const seen = pair.client.children.size + pair.client.seen('session-closed').length;
      expect([seed, seen]).toEqual([seed, 1]);
      if (pair.client.children.size === 1) expect(pair.server.children.size).toBe(1);
    }
  });

  it('forgets a half-open IKE SA that never goes on (RFC 7296 §2.4)', () => {
    const pair = new Pair();
    pair.wire = (flight) => (flight.marker ? [] : [{ flight }]);
    pair.initiate();
    pair.drive(31_000);
    expect(pair.server.closeCode).toBe('peer-unreachable');
    expect(pair.server.machine.nextDeadline()).toBeUndefined();
  });

  it('answers the last DELETE that a strongSwan with its defaults sends, when all before were lost', () => {
    for (const ends of ['session', 'replaced IKE SA'] as const) {
      const pair = new Pair().open();
      if (ends === 'session') pair.client.command({ kind: 'close', sessionId: 1 });
      else pair.client.command({ kind: 'rekey-ike', sessionId: 1 });
      // Sent at 0, 4, 11.2, 24.2, 47.5 and 89.5 s: every answer but the last is lost.
      const lostUntil = addMs(pair.now, 85_000);
      pair.wire = (flight) => {
        const isAnswer = flight.from === 'server' && flight.data[18] === 37;
        return isAnswer && pair.now < lostUntil ? [] : [{ flight }];
      };
      pair.drive(85_000);
      const before = pair.client.story.length;
      pair.drive(10_000);
      expect(pair.client.story.slice(before), ends).toEqual([
        'sent INFORMATIONAL request again: D',
        expect.stringContaining('received INFORMATIONAL response'),
      ]);
    }
  });

  it('keeps a responder silent about a child that the initiator never hears of', () => {
    const pair = new Pair({ client: { children: [child()] } });
    pair.wire = (flight) => (flight.from === 'server' && flight.marker ? [] : [{ flight }]);
    pair.initiate();
    pair.drive(170_000);
    expect(pair.client.closeCode).toBe('peer-unreachable');
    expect(pair.server.seen('child-opened')).toHaveLength(1);
  });
});
