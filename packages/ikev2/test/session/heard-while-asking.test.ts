import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { child, type Flight, Pair, selector } from '../pair.ts';

const SERVERS = FIRST_RESPONDER_SESSION_ID;
const CHILDREN = [1, 2].map((n) => {
  const both = [selector(`10.${n}.0.0/16`)];
  return child({ name: `net-${n}`, localSelectors: both, remoteSelectors: both });
});
/** The last copy of a request leaves 89 s after the first, and it is given up after 165 s. */
const BEHIND_LAST_COPY_MS = 95_000;

function opened(): Pair {
  const side = { makeBeforeBreak: true, children: CHILDREN };
  const pair = new Pair({ client: side, server: side }).open();
  pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
  return pair.drive(40_000);
}

function loseQuestionsOfServer(pair: Pair): void {
  pair.wire = (flight) => (isQuestionOfServer(flight) ? [] : [{ flight }]);
}

function isQuestionOfServer({ from, data }: Flight): boolean {
  return from === 'server' && data[18] === ExchangeType.INFORMATIONAL && !((data[19] ?? 0) & 0x20);
}

/** How often the server has sent its question again so far. */
function repetitions({ server }: Pair): number {
  return server.story.filter((line) => line.startsWith('sent INFORMATIONAL request again')).length;
}

describe('a peer that is heard while a request has no answer (RFC 7296 §2.1, §2.4)', () => {
  it('is asked again at once when it has slept through every copy, and is not given up', () => {
    const pair = opened();
    pair.server.command({ kind: 'check-liveness', sessionId: SERVERS });
    pair.sleepClient(BEHIND_LAST_COPY_MS);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(100);
    expect(pair.server.seen('liveness-confirmed')).toHaveLength(1);
    pair.drive(200_000);
    expect(pair.server.closeCode).toBeUndefined();
  });

  it('is told of what was closed under an IKE SA behind when it answers on the one that takes its place', () => {
    const pair = opened();
    const [, second] = pair.server.seen('child-opened');
    const childId = second?.childId ?? 0;
    pair.server.command({ kind: 'check-liveness', sessionId: SERVERS });
    pair.server.command({ kind: 'close-child', sessionId: SERVERS, childId, reason: 'as asked' });
    pair.sleepClient(BEHIND_LAST_COPY_MS);
    pair.server.command({ kind: 'reauthenticate', sessionId: SERVERS });
    pair.drive(1_000);
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
    expect(pair.client.seen('child-closed').map(({ name }) => name)).toEqual(['net-2']);
    pair.drive(300_000);
    for (const { children, closeCode } of [pair.client, pair.server]) {
      expect([...children.values()].map(({ config }) => config.name)).toEqual(['net-1']);
      expect(closeCode).toBeUndefined();
    }
  });

  it('may be at work on it: it is asked again once in two seconds at most', () => {
    const pair = opened();
    loseQuestionsOfServer(pair);
    pair.server.command({ kind: 'check-liveness', sessionId: SERVERS });
    for (let n = 0; n < 19; n += 1) {
      pair.client.command({ kind: 'check-liveness', sessionId: 1 });
      pair.drive(200);
      expect(repetitions(pair)).toBe(n < 10 ? 0 : 1);
    }
  });

  it('is given up no later though it goes on to ask, when it never answers', () => {
    const pair = opened();
    loseQuestionsOfServer(pair);
    pair.server.command({ kind: 'check-liveness', sessionId: SERVERS });
    for (let n = 0; n < 55; n += 1) {
      pair.client.command({ kind: 'check-liveness', sessionId: 1 });
      pair.drive(3_000);
    }
    expect(pair.server.closeCode).toBeUndefined();
    pair.drive(1_000);
    expect(pair.server.closeCode).toBe('peer-dead');
  });
});
