import { describe, expect, it } from 'vitest';
import { child, endpoint, selector } from '../pair.ts';
import { RoamingPair, SERVER, WIFI } from './roaming-pair.ts';

const OUTSIDE = '203.0.113.9';
const between = (own: string, other: string) => ({
  children: [child({ localSelectors: [selector(own)], remoteSelectors: [selector(other)] })],
});

/** A client behind a NAT that takes another port for every single packet, and lets answers in on all of them. */
function restless(): RoamingPair {
  const pair = new RoamingPair({
    client: { ...between('10.1.0.0/16', '10.2.0.0/16'), dpdDelayMs: 30_000 },
    server: { ...between('10.2.0.0/16', '10.1.0.0/16'), dpdDelayMs: 30_000 },
  });
  let port = 20_000;
  const inside = new Map<number, { local: ReturnType<typeof endpoint> }>();
  pair.wire = (flight) => {
    const { local, remote } = flight.path;
    if (flight.from === 'client') {
      port += 1;
      inside.set(port, { local });
      const path = { local: endpoint(`${OUTSIDE}:${port}`), remote };
      return [{ flight: { ...flight, path } }];
    }
    const known = inside.get(remote.port);
    return known ? [{ flight: { ...flight, path: { local, remote: known.local } } }] : [];
  };
  return pair;
}

describe('a NAT that changes the port with every packet', () => {
  it('ends no session and makes no storm of exchanges (RFC 4555 §3.8)', () => {
    const pair = restless().start([WIFI], [SERVER]);
    pair.drive(30 * 60_000);
    expect(pair.client.closeCode).toBeUndefined();
    expect(pair.server.closeCode).toBeUndefined();
    const sent = pair.client.seen('message').filter(({ direction }) => direction === 'sent');
    // A check every 30 s of each end, what each check finds out, and the answers: no more than one message in three seconds.
    expect(sent.length).toBeLessThan((30 * 60) / 3);
    pair.server.command({
      kind: 'check-liveness',
      sessionId: pair.server.seen('session-opened')[0]?.sessionId ?? 0,
    });
    const before = pair.server.seen('liveness-confirmed').length;
    pair.drive(1_000);
    expect(pair.server.seen('liveness-confirmed').length).toBeGreaterThan(before);
  });
});
