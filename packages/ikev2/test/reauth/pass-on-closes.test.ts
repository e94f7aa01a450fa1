import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { ASKED_AGAIN_WITHIN_MS } from '../../src/reauth/pass-on-closes.ts';
import { child, type Flight, Pair, selector } from '../pair.ts';

const CHILDREN = [1, 2].map((n) => {
  const both = [selector(`10.${n}.0.0/16`)];
  return child({ name: `net-${n}`, localSelectors: both, remoteSelectors: both });
});
/** A request of the server is given up 165 s after it left; the last copy leaves 76 s before that. */
const CLOSED_BEFORE_WAKE_MS = 160_000;

function isRequestOfServer({ from, data }: Flight): boolean {
  return from === 'server' && data[18] === ExchangeType.INFORMATIONAL && !((data[19] ?? 0) & 0x20);
}

/** A session with both Child SAs. */
function opened(): Pair {
  const side = { makeBeforeBreak: true, children: CHILDREN };
  const pair = new Pair({ client: side, server: side }).open();
  pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
  return pair.drive(40_000);
}

/** The server closes the second Child SA, and nothing of that comes to the client. */
function closeUnheard(pair: Pair): void {
  const [, second] = pair.server.seen('child-opened');
  pair.wire = (flight) => (isRequestOfServer(flight) ? [] : [{ flight }]);
  pair.server.command({
    kind: 'close-child',
    sessionId: FIRST_RESPONDER_SESSION_ID,
    childId: second?.childId ?? 0,
    reason: 'as asked',
  });
}

function names({ client, server }: Pair): (readonly string[])[] {
  return [client, server].map(({ children }) =>
    [...children.values()].map(({ config }) => config.name).sort(),
  );
}

describe('a Child SA that was closed under an IKE SA whose peer slept, and that the peer moves (RFC 7296 §1.4.1, §2.8.3, §2.25.1)', () => {
  it('is closed in the new IKE SA when the old one was given up before the peer knew', () => {
    const pair = opened();
    closeUnheard(pair);
    pair.drive(CLOSED_BEFORE_WAKE_MS);
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    // It is put off while the DELETE is out, and asked for again after the end of the old IKE SA.
    while (pair.server.seen('child-closed').length === 0) pair.drive(10);
    pair.wire = (flight) => [{ flight }];
    pair.drive(300_000);
    expect(pair.server.seen('child-opened').map(({ name }) => name)).toEqual([
      'net-1',
      'net-2',
      'net-2',
    ]);
    expect(names(pair)).toEqual([['net-1'], ['net-1']]);
    expect(pair.server.seen('child-closed').map(({ reason }) => reason)[1]).toBe('as asked');
  });

  it('is closed where the DELETE never left, behind a question without an answer, and the peer moves it with its own reauthentication', () => {
    const pair = opened();
    const [, second] = pair.server.seen('child-opened');
    const sessionId = FIRST_RESPONDER_SESSION_ID;
    pair.wire = (flight) => (isRequestOfServer(flight) ? [] : [{ flight }]);
    pair.server.command({ kind: 'check-liveness', sessionId });
    const childId = second?.childId ?? 0;
    pair.server.command({ kind: 'close-child', sessionId, childId, reason: 'as asked' });
    pair.server.command({ kind: 'reauthenticate', sessionId });
    while (pair.server.seen('child-closed').length === 0) pair.drive(100);
    pair.wire = (flight) => [{ flight }];
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(300_000);
    expect(pair.server.seen('session-reauthenticated').map(({ by }) => by)).toEqual([
      'local',
      'peer',
    ]);
    expect(names(pair)).toEqual([['net-1'], ['net-1']]);
  });

  it('is closed at once when the peer asks for it, which is told again', () => {
    const pair = opened();
    closeUnheard(pair);
    pair.drive(CLOSED_BEFORE_WAKE_MS / 2);
    pair.wire = (flight) => [{ flight }];
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(300);
    expect(pair.client.seen('child-closed').map(({ name }) => name)).toEqual(['net-2']);
    pair.drive(60_000);
    expect(names(pair)).toEqual([['net-1'], ['net-1']]);
  });

  it('is made anew where the peer knew and wishes for it since, though its answer got lost', () => {
    const pair = opened();
    const [, second] = pair.server.seen('child-opened');
    pair.wire = (flight) => (flight.from === 'client' ? [] : [{ flight }]);
    const childId = second?.childId ?? 0;
    const sessionId = FIRST_RESPONDER_SESSION_ID;
    pair.server.command({ kind: 'close-child', sessionId, childId, reason: 'as asked' });
    pair.drive(100);
    pair.wire = (flight) => [{ flight }];
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    while (pair.server.seen('session-reauthenticated').length === 0) pair.drive(1);
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
    pair.drive(60_000);
    expect(names(pair)).toEqual([
      ['net-1', 'net-2'],
      ['net-1', 'net-2'],
    ]);
  });

  it('is closed once: what the peer asks for afterwards, or much later, is a wish of its own', () => {
    const pair = opened();
    closeUnheard(pair);
    pair.drive(CLOSED_BEFORE_WAKE_MS);
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    while (pair.server.seen('child-closed').length === 0) pair.drive(10);
    pair.wire = (flight) => [{ flight }];
    pair.drive(300_000);
    expect(names(pair)).toEqual([['net-1'], ['net-1']]);
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
    pair.drive(60_000);
    expect(names(pair)).toEqual([
      ['net-1', 'net-2'],
      ['net-1', 'net-2'],
    ]);
  });

  it('is not closed again where the peer knew, and only its answer got lost', () => {
    const pair = opened();
    const [, second] = pair.server.seen('child-opened');
    pair.wire = (flight) => (flight.from === 'client' ? [] : [{ flight }]);
    pair.server.command({
      kind: 'close-child',
      sessionId: FIRST_RESPONDER_SESSION_ID,
      childId: second?.childId ?? 0,
      reason: 'as asked',
    });
    pair.drive(1_000);
    pair.wire = (flight) => [{ flight }];
    // It deletes the old IKE SA before the DELETE would be sent again.
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(10_000);
    expect(names(pair)).toEqual([['net-1'], ['net-1']]);
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
    pair.drive(60_000);
    expect(names(pair)).toEqual([
      ['net-1', 'net-2'],
      ['net-1', 'net-2'],
    ]);
  });

  for (const { sleptMs, expected } of [
    { sleptMs: ASKED_AGAIN_WITHIN_MS / 2, expected: ['net-1'] },
    { sleptMs: ASKED_AGAIN_WITHIN_MS + 60_000, expected: ['net-1', 'net-2'] },
  ]) {
    it(`is remembered for ten minutes: what a peer asks for that has slept for ${sleptMs / 60_000} leaves ${expected.join(' and ')}`, () => {
      const pair = opened();
      closeUnheard(pair);
      pair.drive(CLOSED_BEFORE_WAKE_MS);
      pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
      while (pair.client.seen('session-reauthenticated').length === 0) pair.drive(1);
      pair.drive(100);
      pair.sleepClient(sleptMs);
      pair.wire = (flight) => [{ flight }];
      pair.drive(300_000);
      expect(names(pair)).toEqual([expected, expected]);
    });
  }
});
