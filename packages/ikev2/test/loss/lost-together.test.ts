import { instantFromMs } from '@ipsec-kit/clock';
import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { child, Pair, selector } from '../pair.ts';

const CREATE_CHILD_SA = 36;
const INFORMATIONAL = 37;
const IKE_AUTH = 35;
const DEAD_SOON = { dpdDelayMs: 30_000, dpdTimeoutMs: 20_000 };

function isRequest(message: Uint8Array): boolean {
  return ((message[19] ?? 0) & 0x20) === 0;
}

const FOUR = [1, 2, 3, 4].map((n) => {
  const both = [selector(`10.${n}.0.0/16`)];
  return child({ name: `net-${n}`, localSelectors: both, remoteSelectors: both });
});
const CHILDREN = FOUR.slice(0, 2);

/** The client has answered a rekey, its answer and all after it is lost: it has both, and its user knows the old one. */
function withUnknownReplacement(dpdAction: 'none' | 'trap' | 'start'): Pair {
  const pair = new Pair({ client: { ...DEAD_SOON, dpdAction } }).open();
  pair.server.command({ kind: 'rekey-child', sessionId: FIRST_RESPONDER_SESSION_ID, childId: 1 });
  pair.wire = (flight) => (flight.from === 'client' ? [] : [{ flight }]);
  pair.drive(50);
  pair.wire = () => [];
  expect(pair.client.children.size).toBe(2);
  expect(pair.client.seen('child-rekeyed')).toHaveLength(0);
  return pair;
}

describe('a session that is lost while the peer replaces its Child SA (RFC 7296 §2.4, §2.8)', () => {
  for (const dpdAction of ['none', 'trap', 'start'] as const) {
    it(`tells once of the end of what its user knew, with dpdAction ${dpdAction}`, () => {
      const pair = withUnknownReplacement(dpdAction);
      pair.drive(120_000);
      const { client } = pair;
      expect(client.children.size).toBe(0);
      expect(client.removedTwice).toBe(0);
      expect(client.seen('child-closed').map(({ childId }) => childId)).toEqual([1]);
      expect(client.seen('child-rekeyed')).toHaveLength(0);
    });
  }
});

describe('a Child SA that the peer closes while it replaces it (RFC 7296 §1.4.1)', () => {
  it('is asked for again once, not once for each of the two', () => {
    const pair = new Pair({ client: { closeAction: 'start' } }).open();
    const sessionId = FIRST_RESPONDER_SESSION_ID;
    pair.server.command({ kind: 'rekey-child', sessionId, childId: 1 });
    pair.server.command({ kind: 'close-child', sessionId, childId: 1, reason: 'maintenance' });
    pair.drive(60_000);
    expect(pair.client.seen('child-closed')).toHaveLength(1);
    expect(pair.client.seen('child-opened')).toHaveLength(2);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([1, 1]);
  });

  it('goes before its replacement, which is sent on until then, so that the end of what is sent on is told', () => {
    const pair = new Pair().open();
    const sessionId = FIRST_RESPONDER_SESSION_ID;
    pair.server.command({ kind: 'rekey-child', sessionId, childId: 1 });
    pair.server.command({ kind: 'close-child', sessionId, childId: 1, reason: 'maintenance' });
    pair.drive(60_000);
    const { client, server } = pair;
    expect(client.seen('child-rekeyed')).toMatchObject([{ oldChildId: 1, newChildId: 2 }]);
    expect(client.seen('child-closed').map(({ childId }) => childId)).toEqual([2]);
    expect(server.seen('child-closed')).toHaveLength(1);
    expect([client.children.size, server.children.size]).toEqual([0, 0]);
  });
});

describe('a Child SA that is closed while the peer waits to delete it for its replacement (RFC 7296 §2.8)', () => {
  it('goes before the replacement, which is sent on already', () => {
    const pair = new Pair().open();
    const { client, server } = pair;
    const sessionId = FIRST_RESPONDER_SESSION_ID;
    // The DELETE of the old one gets lost.
    pair.wire = (flight) => (flight.data[18] === INFORMATIONAL ? [] : [{ flight }]);
    server.command({ kind: 'rekey-child', sessionId, childId: 1 });
    pair.drive(100);
    expect(server.seen('child-rekeyed')).toMatchObject([{ oldChildId: 1, newChildId: 2 }]);
    client.handle({ kind: 'child-first-inbound', now: pair.now, childId: 2 });
    expect(client.activations).toEqual([2]);
    pair.wire = (flight) => [{ flight }];
    client.command({ kind: 'close-child', sessionId: 1, childId: 1, reason: 'asked' });
    pair.drive(60_000);
    expect(client.seen('child-rekeyed')).toMatchObject([{ oldChildId: 1, newChildId: 2 }]);
    expect(client.seen('child-closed').map(({ childId }) => childId)).toEqual([2]);
    expect([client.children.size, server.children.size]).toEqual([0, 0]);
  });
});

describe('a session that is lost while a reauthentication begins (RFC 7296 §2.8.3)', () => {
  it('has once again what it was just asking for', () => {
    const start = { closeAction: 'start', dpdAction: 'start' } as const;
    const client = { ...DEAD_SOON, ...start, makeBeforeBreak: true };
    const pair = new Pair({ client }).open();
    const sessionId = FIRST_RESPONDER_SESSION_ID;
    pair.server.command({ kind: 'close-child', sessionId, childId: 1, reason: 'maintenance' });
    pair.drive(100);
    pair.wire = () => [];
    // Its request for the Child SA is out.
    pair.drive(15_000);
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(8_000);
    expect(pair.client.seen('session-interrupted')).toHaveLength(1);
    pair.wire = (flight) => [{ flight }];
    pair.drive(60_000);
    expect(pair.client.seen('session-opened')).toHaveLength(2);
    expect(pair.client.children.size).toBe(1);
  });
});

describe('a session that both sides lost, and the peer has opened again with less (RFC 7296 §2.4, §2.8.1)', () => {
  it('is not opened beside that one: what that one lacks is asked for there', () => {
    const side = { ...DEAD_SOON, dpdAction: 'start', children: CHILDREN, keyingTries: 0 } as const;
    const pair = new Pair({ client: side, server: side }).open();
    pair.wire = () => [];
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
    pair.drive(20_000);
    expect(pair.client.seen('session-interrupted')).toHaveLength(1);
    // The client asks for its own in IKE_AUTH, in vain, and answers the server's.
    pair.wire = (flight) =>
      flight.from === 'client' && flight.data[18] === IKE_AUTH && isRequest(flight.data)
        ? []
        : [{ flight }];
    pair.drive(300_000);
    pair.wire = (flight) => [{ flight }];
    pair.drive(600_000);
    const [own, of] = [pair.client.children, pair.server.children].map((children) =>
      [...children.values()].map(({ config, sessionId }) => [config.name, sessionId]),
    );
    const [, opened] = pair.client.seen('session-opened');
    expect(own?.sort()).toEqual([
      ['net-1', opened?.sessionId],
      ['net-2', opened?.sessionId],
    ]);
    expect(of).toHaveLength(2);
    expect(pair.client.seen('session-closed').map(({ sessionId }) => sessionId)).toEqual([1]);
  });
});

describe('a session that the peer closes while a Child SA waits to be opened again', () => {
  function closedTwice(children: readonly (typeof CHILDREN)[number][], afterMs: number): Pair {
    const pair = new Pair({
      client: { children, closeAction: 'start' },
      server: { children },
    }).open();
    const sessionId = FIRST_RESPONDER_SESSION_ID;
    for (const { name } of children.slice(1)) {
      pair.client.command({ kind: 'create-child', sessionId: 1, child: name });
      pair.drive(1_000);
    }
    const childId = [...pair.server.children.keys()].at(-1) ?? -1;
    pair.server.command({ kind: 'close-child', sessionId, childId, reason: 'maintenance' });
    pair.drive(1_000);
    // A request of the client that is out: what is to be opened waits behind it.
    pair.wire = (flight) =>
      flight.data[18] === CREATE_CHILD_SA && flight.from === 'client' ? [] : [{ flight }];
    pair.client.command({ kind: 'rekey-ike', sessionId: 1 });
    pair.drive(afterMs);
    pair.server.command({ kind: 'close', sessionId });
    pair.wire = (flight) => [{ flight }];
    return pair.drive(60_000);
  }

  for (const [when, afterMs] of [
    ['its pause is over', 3_000],
    ['its pause is not over', 500],
  ] as const) {
    it(`has it once when ${when}`, () => {
      const one = closedTwice(CHILDREN.slice(0, 1), afterMs);
      expect([...one.client.children.values()].map(({ config }) => config.name)).toEqual(['net-1']);
      const both = closedTwice(CHILDREN, afterMs);
      expect([...both.client.children.values()].map(({ config }) => config.name)).toEqual([
        'net-1',
        'net-2',
      ]);
    });
  }
});

describe('the end of a dead peer, whatever the clock reads (RFC 7296 §2.4)', () => {
  it('comes at its deadline, and no deadline comes back at the same instant', () => {
    for (let index = 0; index < 100; index += 1) {
      const pair = new Pair({ client: DEAD_SOON });
      // At such an instant, adding what is left until the deadline may round to the instant itself.
      pair.now = instantFromMs(1_000_000 + index * 977 + index / 7);
      pair.open();
      pair.wire = () => [];
      const { client } = pair;
      for (let turns = 0; turns < 20 && client.closeCode === undefined; turns += 1) {
        pair.now = client.machine.nextDeadline()?.at ?? pair.now;
        client.handle({ kind: 'timeout', now: pair.now });
      }
      expect([index, client.closeCode]).toEqual([index, 'peer-dead']);
    }
  });
});

describe('a peer that falls silent while it reauthenticates (RFC 7296 §2.4, §2.8.3)', () => {
  /** The client has moved three of four Child SAs, and vanishes: what the server has are two IKE SAs, and the client has had an answer
   * under the new one, or it would not have asked again.
   */
  function halfMoved(dpdAction: 'none' | 'start'): Pair {
    const connection = { children: FOUR, makeBeforeBreak: true, dpdAction };
    const server = { ...connection, dpdDelayMs: 30_000, dpdTimeoutMs: 20_000 };
    const pair = new Pair({ client: connection, server }).open();
    for (const { name } of FOUR.slice(1)) {
      pair.client.command({ kind: 'create-child', sessionId: 1, child: name });
    }
    pair.drive(40_000);
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    while (pair.server.children.size < 7) pair.drive(1);
    pair.wire = () => [];
    return pair.drive(60_000);
  }

  it('is gone on the old IKE SA as on the new one, after one time of patience', () => {
    const { client, server } = halfMoved('none');
    expect(server.children.size).toBe(0);
    expect(server.closeCode).toBe('peer-dead');
    expect(server.seen('reauthentication-failed')).toHaveLength(0);
    expect(server.seen('child-closed')).toHaveLength(4);
    expect([client.removedTwice, server.removedTwice]).toEqual([0, 0]);
  });

  it('has each Child SA once when the session is opened anew', () => {
    const pair = halfMoved('start');
    pair.wire = (flight) => [{ flight }];
    pair.drive(900_000);
    for (const host of [pair.client, pair.server]) {
      const left = [...host.children.values()].map(({ config }) => config.name).sort();
      expect(left).toEqual(['net-1', 'net-2', 'net-3', 'net-4']);
    }
  });
});
