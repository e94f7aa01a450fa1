import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { CLIENT_500, CLIENT_4500, type Flight, Pair, SERVER_500, SERVER_4500 } from '../pair.ts';

function isDelete({ from, data }: Flight): boolean {
  return from === 'client' && data[18] === ExchangeType.INFORMATIONAL && !((data[19] ?? 0) & 0x20);
}

/** The client reauthenticates, and its DELETE of the old IKE SA arrives at a later copy: the old one ends seconds after the new one
 * stood.
 */
function reauthenticated(): Pair {
  const pair = new Pair({
    client: { makeBeforeBreak: true },
    server: { unique: 'never', sendInitialContact: false },
  })
    .open()
    .drive(40_000);
  let copies = 0;
  pair.wire = (flight) => {
    if (isDelete(flight)) copies += 1;
    return isDelete(flight) && copies < 4 ? [] : [{ flight }];
  };
  pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
  // The fourth copy leaves 24.2 s after the first.
  pair.drive(25_000);
  expect(copies).toBe(4);
  expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
  return pair;
}

/** The server opens an IKE SA as if it knew nothing of the new one: what it broke before it makes was the old one. */
function openFromServer(pair: Pair): void {
  pair.server.command({
    kind: 'initiate',
    sessionId: 1,
    connection: 'home',
    path: { local: SERVER_500, remote: CLIENT_500 },
    marker: false,
    floatTo: { local: SERVER_4500, remote: CLIENT_4500 },
  });
}

describe('an IKE SA that a peer opens in place of one that we have replaced meanwhile (RFC 7296 §2.8.3)', () => {
  it('leaves ours no session beside it, though the old one went by our DELETE', () => {
    const pair = reauthenticated();
    openFromServer(pair);
    pair.drive(20_000);
    expect(pair.client.seen('session-reauthenticated').map(({ by }) => by)).toEqual([
      'local',
      'peer',
    ]);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([1, 1]);
    expect(pair.client.seen('session-opened')).toHaveLength(1);
  });

  it('may stay beside ours where it comes long after that, as a second session of the peer', () => {
    const pair = reauthenticated();
    pair.drive(60_000);
    openFromServer(pair);
    pair.drive(20_000);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([2, 2]);
  });
});

describe('an IKE SA of ours that was opened a moment ago (RFC 7296 §2.8.3)', () => {
  it('is no session beside what the peer had begun before, whose first request was sent again', () => {
    const pair = new Pair({
      client: { unique: 'no' },
      server: { unique: 'never', sendInitialContact: false },
    });
    pair.open().drive(31_000);
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    while (pair.client.seen('session-opened').length < 2) pair.drive(1);
    pair.drive(1_000);
    openFromServer(pair);
    pair.drive(30_000);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([1, 1]);
  });
});
