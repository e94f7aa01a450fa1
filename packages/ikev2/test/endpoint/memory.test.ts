import { NotifyType } from '@ipsec-kit/ikev2-codec';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CLIENT_4500, endpoint, Pair, type PairOptions, SERVER_4500 } from '../pair.ts';

const NO_LIMITS = { cookieThreshold: 0, cookieThresholdPerAddress: 0, blockThreshold: 0 };

/** A pair, and every table that its two endpoints began with, in the order in which they were made. */
function watched(options: PairOptions): { pair: Pair; entries: () => number } {
  const tables: { readonly size: number }[] = [];
  const [RealMap, RealSet] = [Map, Set];
  class WatchedMap<K, V> extends RealMap<K, V> {
    constructor(content?: Iterable<readonly [K, V]> | null) {
      super(content);
      if (!content) tables.push(this);
    }
  }
  class WatchedSet<T> extends RealSet<T> {
    constructor(content?: Iterable<T> | null) {
      super(content);
      if (!content) tables.push(this);
    }
  }
  vi.stubGlobal('Map', WatchedMap);
  vi.stubGlobal('Set', WatchedSet);
  const pair = new Pair(options);
  vi.unstubAllGlobals();
  // What the hosts of the test keep for themselves is no table of an endpoint.
  const own: ReadonlySet<unknown> = new Set([pair.client.children, pair.server.children]);
  const counted = tables.filter((table) => !own.has(table));
  return { pair, entries: () => counted.reduce((sum, { size }) => sum + size, 0) };
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('what an endpoint keeps', () => {
  it('is nothing of 1,000 sessions that came and went, however they ended', {
    timeout: 60_000,
  }, () => {
    const { pair, entries } = watched({
      serverSettings: NO_LIMITS,
      client: { sendInitialContact: false },
      server: { unique: 'no' },
    });
    const empty = entries();
    let fullest = 0;
    for (let id = 1; id <= 1_000; id += 1) {
      pair.client.command({
        kind: 'initiate',
        sessionId: id,
        connection: 'home',
        path: { local: { ...CLIENT_4500, port: 10_000 + id }, remote: SERVER_4500 },
        marker: true,
      });
      // Some never get beyond their first message, some are cut in IKE_AUTH, others are replaced before they end.
      pair.drive([0, 25, 100, 100][id % 4] ?? 0);
      if (id % 4 === 2) pair.client.command({ kind: 'rekey-ike', sessionId: id });
      if (id % 4 === 3) pair.client.command({ kind: 'reauthenticate', sessionId: id });
      pair.drive(id % 4 > 1 ? 100 : 0);
      fullest = Math.max(fullest, entries());
      pair.client.command({ kind: 'close', sessionId: id });
      if (id % 50 === 0) {
        pair.drive(600_000);
        for (const host of [pair.client, pair.server]) {
          host.events.length = 0;
          host.steps.length = 0;
        }
        pair.flights.length = 0;
      }
    }
    expect(fullest).toBeGreaterThan(empty);
    expect(entries()).toBe(empty);
    expect(pair.client.machine.nextDeadline()).toBeUndefined();
    expect(pair.server.machine.nextDeadline()).toBeUndefined();
    expect(pair.server.children.size).toBe(0);
  });

  it('is bounded under 10,000 first requests from forged addresses, and no more than a cookie answers them (RFC 7296 §2.6)', () => {
    const { pair, entries } = watched({ serverSettings: { cookieThreshold: 30 } });
    const stranger = new Pair({ seed: 'forger' });
    stranger.wire = () => [];
    stranger.initiate();
    const [request] = stranger.flights;
    if (!request) throw new Error('no request');
    const empty = entries();
    let cookies = 0;
    for (let index = 0; index < 10_000; index += 1) {
      const data = request.data.slice();
      new DataView(data.buffer).setUint32(0, index + 1);
      const from = endpoint(`10.${index >> 8}.${index & 255}.7:500`);
      const before = pair.flights.length;
      pair.wire = () => [];
      pair.deliver({ ...request, data, path: { ...request.path, local: from } });
      const [answer] = pair.flights.slice(before);
      const isCookie = answer?.data[28 + 7] === (NotifyType.COOKIE & 255) && answer.data[16] === 41;
      if (isCookie) {
        cookies += 1;
        expect(answer.data.length).toBeLessThan(data.length);
      }
    }
    expect(cookies).toBe(10_000 - 30);
    // Session, SPI, hash, address, and its deadlines.
    expect(entries() - empty).toBeLessThanOrEqual(30 * 6);
    pair.drive(40_000);
    expect(entries()).toBe(empty);
  });
});
