import { formatAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { inShort, LTE, RoamingPair, SECOND, SERVER, WIFI } from '../mobike/roaming-pair.ts';

const CHECKED = { mobike: true, dpdDelayMs: 30_000 };

describe('the path of a session, as it is shown', () => {
  it('says where it goes, what came and went last, what that cost, and what comes next', () => {
    const pair = new RoamingPair({ client: CHECKED }).start([WIFI, LTE], [SERVER, SECOND]);
    const opened = pair.now;
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(500);
    const path = pair.client.machine.path(1);
    expect(path && inShort(path.path)).toBe(`${WIFI} -> ${SERVER}`);
    expect(path).toMatchObject({
      state: 'in-use',
      hasMobike: true,
      nat: { local: false, remote: false },
      keepaliveMs: 0,
      roundTripMs: 20,
      stamps: { outIke: opened, inIke: opened + 20 },
      counters: { keepalives: 0, updates: 0 },
      next: { name: 'dpd', at: opened + 20 + 30_000, wake: 'device' },
    });
    expect(path?.localAddresses.map(formatAddress)).toEqual([WIFI, LTE]);
    expect(path?.peerAddresses.map(formatAddress)).toEqual([SERVER, SECOND]);
  });

  it('is lost while no address of ours leads to the peer', () => {
    const pair = new RoamingPair().start();
    pair.change(pair.client, [WIFI], []);
    expect(pair.client.machine.path(1)).toMatchObject({ state: 'lost', localAddresses: [] });
    pair.change(pair.client, [], [LTE]).drive(100);
    expect(pair.client.machine.path(1)).toMatchObject({ state: 'in-use' });
  });

  it('is unproven at a responder whose peer has moved and not answered from there (RFC 4555 §3.7)', () => {
    const pair = new RoamingPair().start();
    const [id = 0] = pair.server.seen('session-opened').map(({ sessionId }) => sessionId);
    pair.change(pair.client, [WIFI], [LTE]).drive(15);
    expect(pair.server.machine.path(id)).toMatchObject({ state: 'unproven' });
    pair.drive(100);
    expect(pair.server.machine.path(id)).toMatchObject({ state: 'in-use' });
  });

  it('of a session that there is not is nothing', () => {
    const pair = new RoamingPair().start();
    expect(pair.client.machine.path(7)).toBeUndefined();
  });
});
