import { addressListNotifies } from '@ipsec-kit/mobike';
import { describe, expect, it } from 'vitest';
import type { Flight } from '../pair.ts';
import { RawPeer } from '../raw-peer.ts';
import {
  address,
  inShort,
  LTE,
  path,
  RoamingPair,
  SECOND,
  SERVER,
  SERVER6,
  WIFI,
  WIFI6,
} from './roaming-pair.ts';

const THIRD = '198.51.100.77';
const VICTIM = '203.0.113.66';
/** Bytes of the non-ESP marker. */
const MARKER = 4;

/** Bytes of the client to an address, and from there to the client, markers included. */
function account(pair: RoamingPair, text: string): { went: number; came: number } {
  let [went, came] = [0, 0];
  for (const { from, path: over, data } of pair.flights) {
    const way = inShort(over);
    if (from === 'client' && way.endsWith(`-> ${text}`)) went += data.length + MARKER;
    if (from === 'server' && way.startsWith(`${text} ->`)) came += data.length + MARKER;
  }
  return { went, came };
}

describe('an address that a peer only tells of (RFC 4555 §3.6, §5.3)', () => {
  it('which it has never named before is followed within a round trip: its list is long enough for what that takes', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER]);
    pair.change(pair.server, [SERVER], [THIRD]);
    for (let ms = 0; ms < 30; ms += 1) {
      pair.drive(1);
      const { went, came } = account(pair, THIRD);
      expect(went).toBeLessThanOrEqual(came);
    }
    expect(pair.espPaths(pair.client)).toEqual([`${WIFI} -> ${THIRD}`]);
    pair.drive(1_000);
    expect(pair.espPaths(pair.server)).toEqual([`${THIRD} -> ${WIFI}`]);
  });

  it('is followed after a few copies of its list where that is short, and never for more than came', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER]);
    pair.alive.delete(SERVER);
    const raw = new RawPeer(pair, 'server');
    const data = raw.seal(addressListNotifies([]), { exchangeType: 37, messageId: 0 });
    const list: Flight = {
      from: 'server',
      index: -1,
      path: path(THIRD, WIFI),
      data,
      marker: true,
    };
    let copies = 0;
    while (copies < 8 && account(pair, THIRD).went <= 100) {
      copies += 1;
      pair.flights.push(list);
      pair.deliver(list);
      pair.drive(2_000);
      const { went, came } = account(pair, THIRD);
      expect(went).toBeLessThanOrEqual(came);
    }
    expect(copies).toBeLessThanOrEqual(2);
    expect(pair.requestsOf(pair.client, 0).join()).toContain(`${WIFI} -> ${THIRD}`);
    expect(pair.requestsOf(pair.client, 0).at(-1)).toContain('N(UPDATE_SA_ADDRESSES)');
  });

  it('gets no ESP and no more than came while somebody sends its list on from elsewhere, and the session finds back', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER]);
    const { wire } = pair;
    let forged: Flight | undefined;
    pair.wire = (flight) => {
      if (forged || flight.from !== 'server') return wire(flight);
      forged = { ...flight, path: path(VICTIM, WIFI) };
      pair.flights.push(forged);
      return [{ flight: forged }];
    };
    pair.change(pair.server, [], [SERVER, SECOND]).drive(10);
    expect(forged).toBeDefined();
    for (let ms = 0; ms < 10_000; ms += 100) {
      pair.drive(100);
      const { went, came } = account(pair, VICTIM);
      expect(went).toBeLessThanOrEqual(came);
    }
    expect(pair.client.moves.map((move) => inShort(move.path)).join()).not.toContain(VICTIM);
    expect(pair.espPaths(pair.client)).toEqual([`${WIFI} -> ${SERVER}`]);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(1_000);
    expect(pair.client.seen('liveness-confirmed').at(-1)).toBeDefined();
    expect(inShort(pair.client.seen('message').at(-1)?.path ?? path(VICTIM, VICTIM))).toBe(
      `${WIFI} -> ${SERVER}`,
    );
    expect(pair.client.closeCode ?? pair.server.closeCode).toBeUndefined();
  });

  it('that was listed is tried within a stated bound while nobody answers, and what else the session sends goes there as little', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER, SECOND, THIRD]);
    const beganAt = pair.now;
    for (const text of [SERVER, SECOND, THIRD]) pair.alive.delete(text);
    pair.change(pair.client, [WIFI], [LTE]);
    for (let second = 1; second <= 400; second += 1) {
      pair.drive(1_000);
      const [one, other] = [account(pair, SECOND).went, account(pair, THIRD).went];
      const seconds = (pair.now - beganAt) / 1_000;
      expect(one).toBeLessThanOrEqual(3_072 + 10 * seconds);
      expect(one + other).toBeLessThanOrEqual(8_192 + 30 * seconds);
    }
    expect(account(pair, SECOND).went).toBeGreaterThan(3_000);
    expect(pair.client.closeCode).toBe('peer-dead');
  });

  it('is no address for a new Child SA, nor for another IKE SA, before it has answered', () => {
    const pair = new RoamingPair({ client: { makeBeforeBreak: true } }).start(
      [WIFI],
      [SERVER, SECOND],
    );
    pair.client.command({
      kind: 'rekey-child',
      sessionId: 1,
      childId: pair.client.children.keys().next().value ?? 0,
    });
    pair.drive(15);
    pair.broken.add(`${WIFI} -> ${SECOND}`);
    pair.server.command({ kind: 'move', sessionId: 1_000_000, to: address(SECOND) });
    pair.drive(300);
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(2_000);
    const places = [...pair.client.children.values()].map(({ path: first }) => inShort(first));
    expect(new Set(places)).toEqual(new Set([`${WIFI} -> ${SERVER}`]));
    const inits = pair.client
      .seen('message')
      .filter(({ exchange, direction }) => exchange === 'IKE_SA_INIT' && direction === 'sent');
    expect(inits.map((message) => inShort(message.path)).join()).not.toContain(SECOND);
  });

  it('at which it was shown before is gone back to, from IPv6 to IPv4', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER, SERVER6]);
    for (const [from, to, server] of [
      [WIFI, WIFI6, SERVER6],
      [WIFI6, LTE, SERVER],
      [LTE, WIFI6, SERVER6],
    ] as const) {
      pair.change(pair.client, [from], [to]).drive(60);
      expect(pair.espPaths(pair.client)).toEqual([`${to} -> ${server}`]);
      expect(pair.espPaths(pair.server)).toEqual([`${server} -> ${to}`]);
    }
  });
});
