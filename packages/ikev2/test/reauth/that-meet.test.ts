import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { HAND_OVER_PATIENCE_MS } from '../../src/reauth/take-over.ts';
import { Pair, type PairOptions } from '../pair.ts';

const BOTH: PairOptions = { client: { makeBeforeBreak: true }, server: { makeBeforeBreak: true } };
const SEEDS = 8;

function reauthenticateClient(pair: Pair): void {
  pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
}

function reauthenticateServer(pair: Pair): void {
  pair.server.command({ kind: 'reauthenticate', sessionId: FIRST_RESPONDER_SESSION_ID });
}

/** One session at each end, the same as ever, with one Child SA that both agree on. */
function expectOne(pair: Pair, what: unknown): void {
  for (const host of [pair.client, pair.server]) {
    // What a peer began and gave up is half-open for a while, and then nothing.
    const ids = new Set(host.seen('session-opened').map(({ sessionId }) => sessionId));
    const closed = host.seen('session-closed').filter(({ sessionId }) => ids.has(sessionId));
    expect([what, ids.size, closed.length]).toEqual([what, 1, 0]);
    expect([what, host.seen('session-interrupted').length]).toEqual([what, 0]);
    expect([what, host.seen('reauthentication-failed').length]).toEqual([what, 0]);
    expect([what, host.children.size]).toEqual([what, 1]);
  }
  const [client] = pair.client.children.values();
  const [server] = pair.server.children.values();
  expect([what, client?.inboundSpi]).toEqual([what, server?.outboundSpi]);
  expect([what, client?.sessionId]).toEqual([what, 1]);
}

describe('reauthentications that meet (RFC 7296 §2.8.1, §2.8.3)', () => {
  it('happen one after the other, or one does for both, however far apart they begin', () => {
    for (let seed = 0; seed < SEEDS; seed += 1) {
      for (const apartMs of [0, 3, 9, 14, 19, 26, 33, 45, 60, 90, 130, 200]) {
        const pair = new Pair({ ...BOTH, seed: `${seed}` }).open().drive(40_000);
        if (seed % 2 === 0) reauthenticateClient(pair);
        else reauthenticateServer(pair);
        pair.drive(apartMs);
        if (seed % 2 === 0) reauthenticateServer(pair);
        else reauthenticateClient(pair);
        pair.drive(60_000);
        expectOne(pair, [seed, apartMs]);
        const told = [pair.client, pair.server].map((host) =>
          host.seen('session-reauthenticated').map(({ spis }) => spis.initiator),
        );
        // Each command has its outcome, and both ends tell of the same.
        expect([seed, apartMs, told[0]]).toEqual([seed, apartMs, told[1]]);
        expect([1, 2]).toContain(told[0]?.length);
      }
    }
  });

  it('are one when the other side has not asked for its own yet, which is told at both ends', () => {
    const pair = new Pair(BOTH).open().drive(40_000);
    reauthenticateClient(pair);
    pair.drive(25);
    reauthenticateServer(pair);
    pair.drive(60_000);
    expectOne(pair, 'one');
    expect(pair.server.seen('session-reauthenticated').length).toBeGreaterThan(0);
  });

  it('survive the loss of any single datagram', () => {
    for (let lost = 0; lost < 16; lost += 1) {
      for (let seed = 0; seed < 3; seed += 1) {
        const pair = new Pair({ ...BOTH, seed: `${seed}` }).open().drive(40_000);
        const first = pair.flights.length;
        pair.wire = (flight) => (flight.index === first + lost ? [] : [{ flight }]);
        reauthenticateClient(pair);
        reauthenticateServer(pair);
        pair.drive(120_000);
        expectOne(pair, [lost, seed]);
      }
    }
  });

  it('begin one after the other at one side as well, when the first is over', () => {
    const pair = new Pair(BOTH).open().drive(40_000);
    reauthenticateClient(pair);
    while (pair.client.seen('session-reauthenticated').length === 0) pair.drive(1);
    reauthenticateClient(pair);
    pair.drive(60_000);
    expectOne(pair, 'two');
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(2);
    expect(pair.server.seen('session-reauthenticated')).toHaveLength(2);
  });

  it('are no two sessions opened at once when the first opening was a moment ago', () => {
    const pair = new Pair({
      client: { ...BOTH.client, sendInitialContact: true },
      server: { ...BOTH.server, sendInitialContact: true },
    }).open();
    reauthenticateServer(pair);
    pair.drive(60_000);
    expectOne(pair, 'early');
    expect(pair.server.seen('session-reauthenticated')).toHaveLength(1);
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
  });

  it('wait for an old IKE SA whose DELETE does not come, and no longer than the responder leaves it to the initiator', () => {
    const pair = new Pair({ ...BOTH, server: { ...BOTH.server, unique: 'replace' } })
      .open()
      .drive(40_000);
    const isRequest = (flags: number): boolean => (flags & 0x20) === 0;
    pair.wire = (flight) => {
      const isDelete = flight.from === 'client' && flight.data[18] === ExchangeType.INFORMATIONAL;
      return isDelete && isRequest(flight.data[19] ?? 0) ? [] : [{ flight }];
    };
    reauthenticateClient(pair);
    pair.drive(1_000);
    reauthenticateServer(pair);
    pair.drive(HAND_OVER_PATIENCE_MS / 2);
    expect(pair.server.seen('session-reauthenticated')).toHaveLength(1);
    pair.wire = (flight) => [{ flight }];
    pair.drive(300_000);
    expect(pair.server.seen('session-reauthenticated')).toHaveLength(2);
    expectOne(pair, 'late');
  });

  it('leave nothing when the users close the session in the middle', () => {
    for (let afterMs = 0; afterMs < 160; afterMs += 7) {
      const pair = new Pair(BOTH).open().drive(40_000);
      reauthenticateClient(pair);
      reauthenticateServer(pair);
      pair.drive(afterMs);
      pair.client.command({ kind: 'close', sessionId: 1 });
      pair.server.command({ kind: 'close', sessionId: FIRST_RESPONDER_SESSION_ID });
      pair.drive(600_000);
      const sizes = [pair.client.children.size, pair.server.children.size];
      expect([afterMs, sizes]).toEqual([afterMs, [0, 0]]);
    }
  });
});

describe('a session that its user closes while it is reauthenticated (RFC 7296 §1.4.1)', () => {
  it('deletes the old IKE SA before the new one, which at the peer would go on as the old one', () => {
    const pair = new Pair(BOTH).open().drive(40_000);
    reauthenticateClient(pair);
    while (pair.client.seen('session-reauthenticated').length === 0) pair.drive(1);
    pair.client.command({ kind: 'close', sessionId: 1 });
    pair.drive(10_000);
    expect(pair.server.seen('reauthentication-failed')).toHaveLength(0);
    expect(pair.server.seen('session-closed')).toHaveLength(1);
    expect(pair.client.seen('session-closed').map(({ failure }) => failure.code)).toEqual([
      'closed-by-user',
    ]);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([0, 0]);
  });
});
