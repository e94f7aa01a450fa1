import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { SEPARATION_PATIENCE_MS } from '../../src/reauth/hand-over-timer.ts';
import { child, type Flight, Pair, type PairOptions, selector } from '../pair.ts';

const IS_RESPONSE = 0x20;
/** In this time a request without an answer has ended its IKE SA. */
const GIVEN_UP_MS = 200_000;

const CHILDREN = [1, 2].map((n) => {
  const both = [selector(`10.${n}.0.0/16`)];
  return child({ name: `net-${n}`, localSelectors: both, remoteSelectors: both });
});
const SIDE = { makeBeforeBreak: true, children: CHILDREN } as const;
const BOTH: PairOptions = { client: SIDE, server: SIDE };

function isFrom(flight: Flight, from: Flight['from'], exchange: number): boolean {
  return flight.from === from && flight.data[18] === exchange;
}

function isResponse({ data }: Flight): boolean {
  return ((data[19] ?? 0) & IS_RESPONSE) !== 0;
}

/** A session that the client opened a while ago, as the server knows. */
function opened(): Pair {
  const pair = new Pair(BOTH).open().drive(40_000);
  pair.client.command({ kind: 'check-liveness', sessionId: 1 });
  return pair.drive(1_000);
}

/** The server reauthenticates it. */
function reauthenticate(pair: Pair): void {
  pair.server.command({ kind: 'reauthenticate', sessionId: FIRST_RESPONDER_SESSION_ID });
}

/** One session at each end, and the same Child SAs. */
function expectOneSession({ client, server }: Pair, names: readonly string[]): void {
  for (const host of [client, server]) {
    expect(host.seen('session-opened')).toHaveLength(1);
    expect(host.seen('session-closed')).toHaveLength(0);
    expect([...host.children.values()].map(({ config }) => config.name).sort()).toEqual(names);
  }
  const spis = [...server.children.values()].map(({ outboundSpi }) => outboundSpi).sort();
  expect([...client.children.values()].map(({ inboundSpi }) => inboundSpi).sort()).toEqual(spis);
}

describe('an old IKE SA whose DELETE has been lost for good (RFC 7296 §2.8.3, §2.4)', () => {
  it('is asked whether it lives before it is taken for a session of its own', () => {
    const pair = opened();
    pair.wire = (flight) => {
      const isDelete = isFrom(flight, 'server', ExchangeType.INFORMATIONAL) && !isResponse(flight);
      return isDelete ? [] : [{ flight }];
    };
    reauthenticate(pair);
    pair.drive(GIVEN_UP_MS);
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
    pair.wire = (flight) => [{ flight }];
    pair.drive(SEPARATION_PATIENCE_MS + GIVEN_UP_MS);
    expectOneSession(pair, ['net-1']);
  });
});

describe('an IKE SA that its initiator gave up while the responder slept (RFC 7296 §2.8.3, §2.4)', () => {
  it('does not become a session beside the old one when the responder wakes', () => {
    const pair = opened();
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
    pair.drive(1_000);
    reauthenticate(pair);
    while (pair.server.seen('session-reauthenticated').length === 0) pair.drive(1);
    // The answer by which the second Child SA moves gets lost.
    pair.wire = (flight) => (flight.from === 'client' ? [] : [{ flight }]);
    pair.drive(100);
    pair.sleepClient(2 * SEPARATION_PATIENCE_MS);
    pair.wire = (flight) => [{ flight }];
    expect(pair.server.seen('reauthentication-failed')).toHaveLength(1);
    pair.drive(GIVEN_UP_MS);
    expectOneSession(pair, ['net-1', 'net-2']);
  });
});

describe('a Child SA that was asked for under an IKE SA that the peer never had (RFC 7296 §2.8.3)', () => {
  it('is made under the old one, to which the session goes back', () => {
    const pair = opened();
    const lost = (flight: Flight): boolean => isFrom(flight, 'client', ExchangeType.IKE_AUTH);
    pair.wire = (flight) => (lost(flight) ? [] : [{ flight }]);
    reauthenticate(pair);
    while (pair.client.seen('session-reauthenticated').length === 0) pair.drive(1);
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
    while (pair.client.seen('reauthentication-failed').length === 0) pair.drive(100);
    // Long before the server tries again.
    pair.drive(6_000);
    expect(pair.server.seen('reauthentication-failed')).toHaveLength(1);
    expectOneSession(pair, ['net-1', 'net-2']);
  });
});

describe('a responder whose initiator reauthenticates and cannot say that the old IKE SA ends (RFC 7296 §2.8.3, §2.8)', () => {
  it('sends on the new Child SA once anything has come under the new IKE SA', () => {
    const pair = opened();
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    while (pair.server.seen('session-reauthenticated').length === 0) pair.drive(1);
    const activations = pair.server.activations.length;
    pair.wire = (flight) => {
      const isDelete = isFrom(flight, 'client', ExchangeType.INFORMATIONAL) && !isResponse(flight);
      return isDelete ? [] : [{ flight }];
    };
    // The question is answered under the new IKE SA, whose answer shows that the client has that.
    pair.server.command({ kind: 'check-liveness', sessionId: FIRST_RESPONDER_SESSION_ID });
    pair.drive(5_000);
    expect(pair.server.activations).toHaveLength(activations + 1);
  });
});
