import { parseIdentity } from '@ipsec-kit/auth';
import { VirtualClock } from '@ipsec-kit/clock';
import { Encr, Integ, KeyMaterial } from '@ipsec-kit/crypto';
import type { SessionEvent } from '@ipsec-kit/ikev2';
import { parseEndpoint } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { createSessionBook } from '../src/session-book.ts';

const suite = { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE };
const key = new KeyMaterial(new Uint8Array(32));
const endpoint = parseEndpoint('192.0.2.1:500');
const identity = parseIdentity('a.example.org');
if (!endpoint || !identity.ok) throw new Error('the constants of this test are wrong');

function keyed(sessionId: number, spi: bigint): SessionEvent {
  return {
    kind: 'ike-sa-keyed',
    sessionId,
    connection: 'home',
    initiator: true,
    initiatorSpi: spi,
    responderSpi: spi + 1n,
    transforms: [],
    suite,
    keys: { skEi: key, skEr: key, skAi: key, skAr: key },
    nat: { local: false, remote: false, forced: false },
  };
}

const opened: SessionEvent = {
  kind: 'session-opened',
  sessionId: 1,
  connection: 'home',
  localIdentity: identity.identity,
  remoteIdentity: identity.identity,
  path: { local: endpoint, remote: endpoint },
  virtualAddresses: [],
  peerAddresses: [],
  by: 'local',
  spis: { initiator: 1n, responder: 2n },
};

function spis(initiator: bigint): { readonly initiator: bigint; readonly responder: bigint } {
  return { initiator, responder: initiator + 1n };
}

const failure = { code: 'install-failed', sentence: 'no memory' } as const;

function shown(...events: readonly SessionEvent[]): (string | undefined)[] {
  const book = createSessionBook(new VirtualClock());
  for (const event of events) book.note(event);
  return book.sessions(() => undefined).map(({ initiatorSpi }) => initiatorSpi.slice(-2));
}

describe('the status of a session', () => {
  const open = [keyed(1, 0x10n), opened];
  const taken: SessionEvent = {
    kind: 'session-reauthenticated',
    sessionId: 1,
    by: 'peer',
    spis: spis(0x20n),
  };
  const undone: SessionEvent = {
    kind: 'reauthentication-failed',
    sessionId: 1,
    spis: spis(0x10n),
    failure,
    retryInMs: 0,
  };

  it('shows the IKE SA in use, not one that is only keyed', () => {
    expect(shown(...open, keyed(1, 0x20n))).toEqual(['10']);
    const rekeyed: SessionEvent = {
      kind: 'session-rekeyed',
      sessionId: 1,
      by: 'local',
      spis: spis(0x20n),
    };
    expect(shown(...open, keyed(1, 0x20n), keyed(1, 0x30n), rekeyed)).toEqual(['20']);
  });

  it('shows our own address after a move', () => {
    const book = createSessionBook(new VirtualClock());
    for (const event of open) book.note(event);
    const to = { ...opened.path, local: { ...endpoint, port: 4501 } };
    const roundTripMs = 9;
    book.note({ kind: 'addresses-updated', sessionId: 1, from: opened.path, to, roundTripMs });
    expect(book.sessions(() => undefined)[0]?.local).toBe('192.0.2.1:4501');
  });

  it('follows a reauthentication, and goes back when that is undone', () => {
    expect(shown(...open, keyed(7, 0x20n), taken)).toEqual(['20']);
    expect(shown(...open, keyed(7, 0x20n), taken, undone)).toEqual(['10']);
  });

  it('shows the new IKE SA of a session that was opened anew', () => {
    const lost: SessionEvent = {
      kind: 'session-interrupted',
      by: 'local',
      sessionId: 1,
      failure,
      retryInMs: 0,
    };
    const anew = { ...opened, spis: spis(0x20n) };
    expect(shown(...open, lost, keyed(1, 0x20n), anew)).toEqual(['20']);
    // The peer's was keyed under an id of its own.
    expect(shown(...open, { ...lost, by: 'peer' }, keyed(7, 0x20n), anew)).toEqual(['20']);
  });

  it('shows the first IKE SA when the peer has begun it while we were about to', () => {
    const theirs = [keyed(7, 0x20n), { ...opened, spis: spis(0x20n) }];
    expect(shown(...theirs)).toEqual(['20']);
    // Our own attempt had keys already.
    expect(shown(keyed(1, 0x10n), ...theirs)).toEqual(['20']);
    const book = createSessionBook(new VirtualClock());
    for (const event of theirs) book.note(event);
    expect(book.sessions(() => undefined)).toMatchObject([{ id: 1, state: 'open' }]);
    expect(book.standing).toMatchObject([{ id: 1 }]);
    book.note({ kind: 'session-closed', sessionId: 1, connection: 'home', failure });
    expect(book.ids).toEqual([]);
  });

  it('shows both when what looked like a reauthentication was none', () => {
    const beside = { ...opened, sessionId: 2, spis: spis(0x10n) };
    expect(shown(...open, keyed(7, 0x20n), taken, beside)).toEqual(['20', '10']);
  });
});
