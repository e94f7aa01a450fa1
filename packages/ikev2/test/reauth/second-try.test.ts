import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { parseAddress, parsePrefix } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import {
  CLIENT_500,
  child,
  type Flight,
  Pair,
  type PairOptions,
  SERVER_500,
  selector,
} from '../pair.ts';

const MINUTE_MS = 60_000;
const CHILDREN = [1, 2].map((n) => {
  const both = [selector(`10.${n}.0.0/16`)];
  return child({ name: `net-${n}`, localSelectors: both, remoteSelectors: both });
});
/** A client behind something that forgets it in its sleep: it asks on waking. */
const OPTIONS: PairOptions = {
  client: { children: CHILDREN },
  server: { children: CHILDREN },
  clientSettings: { keepAliveForced: true, keepaliveDpdMarginMs: 20_000 },
};

/** A session that has stood for a while. */
function opened(options: PairOptions = OPTIONS): Pair {
  return new Pair(options).open().drive(MINUTE_MS);
}

/** The client sleeps, and its program is told on waking. */
function sleep(pair: Pair, sleptMs = 10 * MINUTE_MS): void {
  pair.sleepClient(sleptMs);
  pair.client.handle({ kind: 'slept', now: pair.now, sleptMs });
}

/** IKE_SA_INIT requests of the client since an index, copies too. */
function initRequests({ flights }: Pair, since = 0): Flight[] {
  return flights
    .slice(since)
    .filter(({ from, data }) => from === 'client' && data[18] === ExchangeType.IKE_SA_INIT);
}

/** How many of them are different. */
function attempts(pair: Pair, since: number): number {
  return new Set(initRequests(pair, since).map(({ data }) => data.join())).size;
}

/** What the client sends on is what the server has, and the other way round. */
function expectSameChildren({ client, server }: Pair, count: number): void {
  const [ours, theirs] = [client, server].map(({ children }) => [...children.values()]);
  const sent = ours?.map(({ outboundSpi }) => outboundSpi).sort();
  expect(sent).toHaveLength(count);
  expect(theirs?.map(({ inboundSpi }) => inboundSpi).sort()).toEqual(sent);
}

function expectUndisturbed({ client, server }: Pair): void {
  for (const host of [client, server]) {
    expect(host.seen('session-opened')).toHaveLength(1);
    // What never went beyond IKE_SA_INIT was no session.
    const ended = host.seen('session-closed').filter(({ connection }) => connection !== undefined);
    expect(ended).toEqual([]);
    expect(host.seen('session-interrupted')).toEqual([]);
    expect(host.seen('reauthentication-failed')).toEqual([]);
    expect(host.seen('child-closed')).toEqual([]);
  }
}

describe('a wake to a peer that has ended the session meanwhile (RFC 7296 §2.4, §2.8.3)', () => {
  it('has its session again within ten seconds, with all its Child SAs, under its name', () => {
    const pair = opened();
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
    pair.drive(1_000);
    pair.restartServer();
    sleep(pair);
    pair.drive(10_000);
    expect(pair.client.seen('session-reauthenticated')).toMatchObject([
      { sessionId: 1, by: 'local' },
    ]);
    expect(pair.client.seen('child-rekeyed')).toHaveLength(2);
    expect(pair.server.children.size).toBe(2);
    // The old IKE SA is silent to its end, which is none of the session.
    pair.drive(5 * MINUTE_MS);
    expectSameChildren(pair, 2);
    expectUndisturbed(pair);
  });

  it('keeps its virtual address, though the peer would give another', () => {
    const any = parseAddress('0.0.0.0');
    const wanted = parseAddress('10.9.0.77');
    const prefix = parsePrefix('10.9.0.0/24');
    if (!any || !wanted || !prefix) throw new Error('test addresses');
    const pair = new Pair({
      ...OPTIONS,
      client: { virtualAddresses: [any] },
      server: { pools: ['p'] },
      pools: [{ name: 'p', addresses: { kind: 'prefix', prefix }, dns: [] }],
    });
    pair.client.command({
      kind: 'initiate',
      sessionId: 1,
      connection: 'home',
      path: { local: CLIENT_500, remote: SERVER_500 },
      marker: false,
      virtualAddresses: [wanted],
    });
    pair.drive(MINUTE_MS);
    pair.restartServer();
    sleep(pair);
    pair.drive(10_000);
    expect(pair.server.seen('session-opened')).toMatchObject([{ peerAddresses: [wanted] }]);
  });

  it('has it again as well when a request was out already as the device fell asleep', () => {
    const pair = opened({ ...OPTIONS, clientSettings: {} });
    pair.restartServer();
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    sleep(pair, 2_000);
    pair.drive(10_000);
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
    pair.drive(5 * MINUTE_MS);
    expectSameChildren(pair, 1);
  });

  it('tries to reauthenticate in time as ever when that was due while the peer was silent', () => {
    const pair = opened({
      ...OPTIONS,
      client: { ...OPTIONS.client, makeBeforeBreak: true, reauthMs: 11.1 * MINUTE_MS },
    });
    const { wire } = pair;
    pair.wire = () => [];
    sleep(pair);
    // The second try begins, the time of the reauthentication comes, and then the peer is heard again.
    pair.drive(8_000);
    pair.wire = wire;
    pair.drive(MINUTE_MS);
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
  });
});

describe('a wake to a peer that is merely slow', () => {
  /** From now on what either side sends takes this long. */
  function slow(pair: Pair, delayMs: number): void {
    pair.wire = (flight) => [{ flight, delayMs }];
  }

  it('gives the second try up when the first answer comes after eight seconds', () => {
    const pair = opened();
    slow(pair, 4_000);
    sleep(pair);
    const before = pair.flights.length;
    pair.drive(5 * MINUTE_MS);
    expect(attempts(pair, before)).toBe(1);
    expect(pair.client.seen('session-reauthenticated')).toEqual([]);
    expectSameChildren(pair, 1);
    expectUndisturbed(pair);
    expect(pair.client.activations).toEqual([]);
  });

  for (let answerMs = 4_900; answerMs <= 5_200; answerMs += 10) {
    it(`comes to one session when the first answer meets the second try: ${answerMs} ms`, () => {
      const pair = opened();
      sleep(pair);
      const { wire } = pair;
      const from = pair.now;
      // The answers under the old IKE SA alone are late.
      pair.wire = (flight) => {
        const isOld = flight.from === 'server' && flight.data[18] === ExchangeType.INFORMATIONAL;
        return isOld ? [{ flight, delayMs: answerMs - 20 }] : [{ flight }];
      };
      pair.drive(7_000);
      pair.wire = wire;
      expect(pair.now).toBeGreaterThan(from);
      pair.drive(5 * MINUTE_MS);
      expectSameChildren(pair, 1);
      expectUndisturbed(pair);
    });
  }

  it('is not tried twice when the answer comes at once, and asks nothing more', () => {
    const pair = opened();
    sleep(pair);
    const before = pair.flights.length;
    pair.drive(5 * MINUTE_MS);
    expect(initRequests(pair, before)).toEqual([]);
    expectUndisturbed(pair);
  });
});

describe('a wake without a network', () => {
  for (const dpdAction of ['none', 'start'] as const) {
    it(`begins one second try, and ends as its connection has it: ${dpdAction}`, () => {
      const pair = opened({ ...OPTIONS, client: { ...OPTIONS.client, dpdAction } });
      pair.wire = () => [];
      sleep(pair);
      const before = pair.flights.length;
      const from = pair.now;
      while (
        pair.client.seen('session-closed').length +
          pair.client.seen('session-interrupted').length ===
        0
      )
        pair.drive(100);
      // Five retransmissions of each at most.
      expect(pair.flights.length - before).toBeLessThan(14);
      // Where it is to be opened anew that begins as the old one ends.
      expect(attempts(pair, before)).toBe(dpdAction === 'none' ? 1 : 2);
      expect(pair.now - from).toBeLessThan(170_000);
      expect(pair.client.seen('reauthentication-failed')).toEqual([]);
      const ends = pair.client.seen('session-closed').map(({ failure }) => failure.code);
      expect(ends).toEqual(dpdAction === 'none' ? ['peer-dead'] : []);
      pair.wire = (flight) => [{ flight }];
      pair.drive(10 * MINUTE_MS);
      expect(pair.client.children.size).toBe(dpdAction === 'none' ? 0 : 1);
    });
  }

  it('is no storm when the device wakes again and again', () => {
    const pair = opened();
    pair.wire = () => [];
    const before = pair.flights.length;
    for (let wakes = 0; wakes < 12; wakes += 1) {
      sleep(pair, 30_000);
      pair.drive(8_000);
    }
    expect(pair.flights.length - before).toBeLessThan(20);
    expect(attempts(pair, before)).toBe(1);
  });
});

describe('a wake of the side that was called', () => {
  it('leaves it to the other to open a session anew', () => {
    const pair = opened({ ...OPTIONS, serverSettings: { keepAliveForced: true } });
    pair.server.command({ kind: 'check-liveness', sessionId: FIRST_RESPONDER_SESSION_ID });
    pair.drive(1_000);
    pair.wire = () => [];
    pair.server.handle({ kind: 'slept', now: pair.now, sleptMs: MINUTE_MS });
    pair.server.command({ kind: 'check-liveness', sessionId: FIRST_RESPONDER_SESSION_ID });
    const before = pair.flights.length;
    pair.drive(MINUTE_MS);
    const sent = pair.flights.slice(before).filter(({ from }) => from === 'server');
    expect(sent.some(({ data }) => data[18] === ExchangeType.IKE_SA_INIT)).toBe(false);
    expect(sent.length).toBeGreaterThan(0);
  });
});
