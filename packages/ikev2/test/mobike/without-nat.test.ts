import { describe, expect, it } from 'vitest';
import { endpoint } from '../pair.ts';
import {
  inShort,
  LTE,
  path,
  RoamingPair,
  SECOND,
  SERVER,
  updatesOf,
  WIFI,
} from './roaming-pair.ts';

const OUTSIDE = '203.0.113.9';
const reasonsOf = (pair: RoamingPair): string[] =>
  pair.client.seen('liveness-check-started').map(({ reason }) => reason);

describe('a busy client without a NAT', () => {
  it('finds a server that left its address without a word within three seconds, with one update (RFC 4555 §3.8, §3.10)', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER, SECOND]);
    pair.drive(2_000);
    pair.alive.delete(SERVER);
    pair.beBusy(2_500);
    expect(pair.espPaths(pair.client)).toEqual([`${WIFI} -> ${SECOND}`]);
    expect(updatesOf(pair.client)).toHaveLength(1);
  });

  it('leaves a network that leads nowhere as soon (RFC 4555 §3.10)', () => {
    const pair = new RoamingPair().start([WIFI, LTE], [SERVER]);
    pair.drive(2_000);
    pair.broken.add(`${WIFI} -> ${SERVER}`);
    pair.beBusy(2_500);
    expect(pair.espPaths(pair.client)).toEqual([`${LTE} -> ${SERVER}`]);
  });

  it('tells of a NAT that came between with one update, although there is nothing to compare with (RFC 4555 §3.8)', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER]);
    pair.drive(2_000);
    putNatBefore(pair);
    pair.beBusy(5_000);
    expect(reasonsOf(pair).filter((reason) => reason === 'one-way')).toHaveLength(1);
    expect(pair.client.seen('mapping-changed')).toHaveLength(1);
    expect(updatesOf(pair.client)).toHaveLength(1);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${OUTSIDE}`]);
  });

  it('tells of its move behind a NAT with one update: what the answer says of the NAT is news of the new path, and no change of it (RFC 4555 §3.5)', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER]);
    pair.drive(2_000);
    putNatBefore(pair, LTE);
    pair.change(pair.client, [WIFI], [LTE]).drive(5_000);
    expect(updatesOf(pair.client)).toHaveLength(1);
    expect(pair.client.seen('mapping-changed')).toEqual([]);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${OUTSIDE}`]);
  });

  it('asks once about a silence that was nothing, and changes nothing', () => {
    const pair = new RoamingPair().start([WIFI, LTE], [SERVER, SECOND]);
    pair.drive(2_000);
    pair.beBusy(20_000);
    expect(reasonsOf(pair)).toEqual(['one-way']);
    expect(updatesOf(pair.client)).toEqual([]);
    expect(pair.client.seen('mapping-changed')).toEqual([]);
  });
});

describe('a server without a NAT', () => {
  it('does not ask a client that sleeps until that counts as dead, however much it has for it', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER]);
    const [childId = 0] = pair.server.children.keys();
    const heardAt = pair.now;
    pair.alive.delete(WIFI);
    for (let i = 1; i <= 600; i += 1) {
      pair.drive(1_000);
      const children = [
        { childId, packetsOut: i, lastInboundAt: heardAt, lastOutboundAt: pair.now },
      ];
      pair.server.handle({ kind: 'traffic', now: pair.now, children });
    }
    expect(pair.server.seen('liveness-check-started')).toEqual([]);
    expect(pair.server.closeCode).toBeUndefined();
  });
});

/** From now on the client goes by another address and port: what is sent to its own arrives nowhere. */
function putNatBefore(pair: RoamingPair, own = WIFI): void {
  const { wire } = pair;
  const outside = endpoint(`${OUTSIDE}:20000`);
  const inside = path(own, SERVER).local;
  pair.alive.add(OUTSIDE);
  pair.wire = (flight) => {
    const { local, remote } = flight.path;
    if (flight.from === 'client') {
      return inShort(flight.path).startsWith(own)
        ? wire({ ...flight, path: { local: outside, remote } })
        : wire(flight);
    }
    if (!inShort(flight.path).endsWith(OUTSIDE)) return [];
    return wire(flight).map(() => ({ flight: { ...flight, path: { local, remote: inside } } }));
  };
}
