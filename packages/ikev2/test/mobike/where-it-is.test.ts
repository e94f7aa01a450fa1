import { describe, expect, it } from 'vitest';
import { child, selector } from '../pair.ts';
import { address, LTE, path, RoamingPair, SERVER, WIFI } from './roaming-pair.ts';

const OTHER = '203.0.113.77';
const [left, right] = [[selector('10.1.0.0/16')], [selector('10.2.0.0/16')]];
/** Child SAs whose selectors do not follow from where the client is. */
const FIXED = {
  client: {
    makeBeforeBreak: true,
    children: [child({ localSelectors: left, remoteSelectors: right })],
  },
  server: {
    makeBeforeBreak: true,
    children: [child({ localSelectors: right, remoteSelectors: left })],
  },
};

/** A client that has moved from WiFi to LTE, told its server, and lost the question that followed. */
function unproven(): RoamingPair {
  const pair = new RoamingPair().start([WIFI]);
  const sent = pair.flights.length;
  const { wire } = pair;
  pair.wire = (flight) => {
    const fromServer = pair.flights.slice(sent).filter(({ from }) => from === 'server').length;
    // The answer to the update arrives, and nothing after it.
    if (flight.from === 'server' && fromServer > 1) return [];
    return wire(flight);
  };
  pair.change(pair.client, [WIFI], [LTE]).drive(100);
  pair.wire = wire;
  return pair;
}

describe('a server that asks a client whether it is where it says (RFC 4555 §3.7)', () => {
  it('asks there again when the answer came from where the client was, whose network is the faster one', () => {
    const pair = unproven();
    pair.alive.add(WIFI);
    const { wire } = pair;
    pair.wire = (flight) =>
      wire(flight).map((arrival) => {
        const ends = [flight.path.local, flight.path.remote].map(({ address }) => address.bytes);
        const isSlow = ends.some((bytes) => bytes.join('.') === LTE);
        return isSlow ? { ...arrival, delayMs: 100 } : arrival;
      });
    pair.drive(20_000);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });

  it('asks again when ESP comes from there, also where it has given up to', () => {
    const pair = unproven();
    pair.broken.add(`${SERVER} -> ${LTE}`);
    pair.drive(30_000);
    pair.server.hearEsp(path(SERVER, LTE), 1_000);
    pair.drive(100);
    pair.broken.clear();
    pair.drive(30_000);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });
});

describe('a client that tells again from where it is', () => {
  it('is asked there as often as the first time', () => {
    const pair = unproven();
    pair.broken.add(`${SERVER} -> ${LTE}`);
    pair.drive(30_000);
    const { sessionId } = pair.client.seen('session-opened')[0] ?? { sessionId: -1 };
    pair.client.command({ kind: 'move', sessionId });
    pair.drive(1_000);
    pair.broken.clear();
    pair.drive(30_000);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });
});

describe('an IKE SA that is opened to take the place of another while its client moves', () => {
  it('goes on from where the client is then, and its peer is told (RFC 4555 §3.5)', () => {
    const pair = new RoamingPair(FIXED).start([WIFI, LTE]);
    const { sessionId } = pair.client.seen('session-opened')[0] ?? { sessionId: -1 };
    const { wire } = pair;
    pair.client.command({ kind: 'reauthenticate', sessionId });
    pair.drive(15);
    // IKE_AUTH is lost, and leaves again from the other network.
    pair.wire = () => [];
    pair.drive(100);
    pair.wire = wire;
    pair.client.command({ kind: 'move', sessionId, to: address(LTE) });
    pair.drive(20_000);
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
    expect(pair.espPaths(pair.client)).toEqual([`${LTE} -> ${SERVER}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
    pair.client.command({ kind: 'check-liveness', sessionId });
    expect(pair.requestsOf(pair.client, 0).at(-1)).toContain(`${LTE} -> ${SERVER}`);
  });

  it('shows that there is a way again: what rested on the old one goes on, and nothing of it is left', () => {
    const pair = new RoamingPair(FIXED).start([WIFI]);
    const { sessionId } = pair.client.seen('session-opened')[0] ?? { sessionId: -1 };
    pair.alive.delete(WIFI);
    pair.client.command({ kind: 'reauthenticate', sessionId });
    pair.client.command({ kind: 'check-liveness', sessionId });
    pair.tell(pair.client).drive(1_000);
    expect(pair.client.seen('path-lost')).toHaveLength(1);
    pair.alive.add(WIFI);
    // What tells of it is later.
    pair.drive(5_000);
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
    expect(pair.client.seen('path-found')).toEqual([]);
    pair.tell(pair.client, WIFI).drive(30_000);
    expect(pair.client.seen('path-found')).toHaveLength(1);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([1, 1]);
  });
});

describe('a server whose request has no answer', () => {
  it('sends it at once to where ESP comes from, and asks whether the client is there (RFC 7296 §2.23)', () => {
    const pair = new RoamingPair().start([WIFI]);
    pair.alive.delete(WIFI);
    pair.server.command({
      kind: 'rekey-ike',
      sessionId: pair.server.seen('session-opened')[0]?.sessionId ?? -1,
    });
    pair.drive(40_000);
    pair.alive.add(LTE);
    pair.server.hearEsp(path(SERVER, LTE), 1_000);
    pair.drive(200);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });

  it('asks as often at each place where ESP comes from', () => {
    const pair = new RoamingPair().start([WIFI]);
    pair.alive.delete(WIFI);
    pair.server.hearEsp(path(SERVER, LTE), 1_000);
    pair.drive(40_000);
    pair.server.hearEsp(path(SERVER, OTHER), 1_000);
    pair.drive(1_000);
    pair.alive.add(OTHER);
    pair.drive(20_000);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${OTHER}`]);
  });
});
