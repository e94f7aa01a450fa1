import { describe, expect, it } from 'vitest';
import { child } from '../pair.ts';
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

describe('MOBIKE in IKE_AUTH', () => {
  it('is announced by both, with their other addresses (RFC 4555 §3.2, §3.4)', () => {
    const pair = new RoamingPair().start([WIFI, LTE], [SERVER, SERVER6]);
    const [asked, answered] = pair.client.story.slice(-2);
    expect(asked).toContain('N(MOBIKE_SUPPORTED) N(ADDITIONAL_IP4_ADDRESS)');
    expect(answered).toContain('N(MOBIKE_SUPPORTED) N(ADDITIONAL_IP6_ADDRESS)');
  });

  it('is left out where it is not configured', () => {
    const pair = new RoamingPair({ client: { mobike: false } }).start([WIFI, LTE]);
    expect(pair.client.story.join()).not.toContain('MOBIKE');
    expect(pair.client.story.join()).not.toContain('ADDITIONAL');
  });

  it('lists only addresses that the connection may use', () => {
    const only = {
      address: { version: 4 as const, bytes: Uint8Array.of(192, 0, 2, 0) },
      length: 24,
    };
    const pair = new RoamingPair({ client: { localAddresses: [only] } }).start([WIFI, LTE]);
    expect(pair.client.story.join()).not.toContain('ADDITIONAL');
  });
});

describe('an initiator whose address changes', () => {
  it('moves IKE and ESP of both sides within two round trips (RFC 4555 §3.5, §3.7)', () => {
    const pair = new RoamingPair().start();
    pair.change(pair.client, [WIFI], [LTE]);
    expect(pair.espPaths(pair.client)).toEqual([`${LTE} -> ${SERVER}`]);
    pair.drive(50);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
    const [updated] = pair.client.seen('addresses-updated');
    expect(updated && [inShort(updated.from), inShort(updated.to), updated.roundTripMs]).toEqual([
      `${WIFI} -> ${SERVER}`,
      `${LTE} -> ${SERVER}`,
      20,
    ]);
    expect(pair.client.story.filter((line) => line.includes('COOKIE2'))).toEqual([
      'sent INFORMATIONAL request: N(UPDATE_SA_ADDRESSES) N(NAT_DETECTION_SOURCE_IP) N(NAT_DETECTION_DESTINATION_IP) N(COOKIE2)',
      'received INFORMATIONAL response: N(COOKIE2) N(NAT_DETECTION_SOURCE_IP) N(NAT_DETECTION_DESTINATION_IP)',
      'received INFORMATIONAL request: N(COOKIE2)',
      'sent INFORMATIONAL response: N(COOKIE2)',
    ]);
  });

  it('takes a Child SA along that is just being installed at the peer', () => {
    for (const installDelayMs of [5, 15, 25, 40]) {
      const pair = new RoamingPair({ installDelayMs }).start();
      pair.drive(5_000);
      pair.change(pair.client, [WIFI], [LTE]);
      // Follows the update at once: the path is not proven to the server yet.
      const [childId = 0] = [...pair.client.children.keys()];
      pair.client.command({ kind: 'rekey-child', sessionId: 1, childId });
      pair.drive(10_000);
      expect(pair.client.seen('child-rekeyed')).toHaveLength(1);
      expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
      expect(pair.espPaths(pair.client)).toEqual([`${LTE} -> ${SERVER}`]);
    }
  });

  it('goes to another of its addresses, and back to its best, when somebody wants it to (RFC 4555 §3.5)', () => {
    const pair = new RoamingPair().start([WIFI, LTE]);
    const { sessionId } = pair.client.seen('session-opened')[0] ?? { sessionId: -1 };
    pair.client.command({ kind: 'move', sessionId, to: address(LTE) });
    pair.drive(50);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
    pair.client.command({ kind: 'move', sessionId });
    pair.drive(50);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${WIFI}`]);
    pair.client.command({ kind: 'move', sessionId });
    pair.drive(50);
    const updates = pair.client.seen('addresses-updated').map(({ to }) => inShort(to));
    expect(updates).toEqual([
      `${LTE} -> ${SERVER}`,
      `${WIFI} -> ${SERVER}`,
      `${WIFI} -> ${SERVER}`,
    ]);
  });

  it('is not moved back by what came to where it was, since it decides where it is (RFC 4555 §3.5)', () => {
    const pair = new RoamingPair().start([WIFI, LTE]);
    pair.drive(1_000);
    const { sessionId } = pair.client.seen('session-opened')[0] ?? { sessionId: -1 };
    pair.client.command({ kind: 'move', sessionId, to: address(LTE) });
    pair.drive(50);
    pair.client.hearEsp(path(WIFI, SERVER));
    pair.drive(2_000);
    expect(pair.espPaths(pair.client)).toEqual([`${LTE} -> ${SERVER}`]);
    expect(pair.client.seen('peer-path-changed').map(({ to }) => inShort(to))).toEqual([
      `${LTE} -> ${SERVER}`,
    ]);
  });

  it('stays where it is while two networks overlap, tells of the other, and goes there when the first is gone (RFC 4555 §3.6)', () => {
    const pair = new RoamingPair().start();
    pair.change(pair.client, [], [WIFI, LTE]).drive(50);
    expect(pair.requestsOf(pair.client, 0).at(-1)).toBe(
      `${WIFI} -> ${SERVER}: N(ADDITIONAL_IP4_ADDRESS)`,
    );
    pair.change(pair.client, [WIFI], [LTE]).drive(50);
    expect(pair.requestsOf(pair.client, 0).at(-1)).toContain('N(NO_ADDITIONAL_ADDRESSES)');
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });

  it('sends what is outstanding at once over the new path, and the update after it (RFC 4555 §3.5)', () => {
    const pair = new RoamingPair().start();
    pair.alive.delete(WIFI);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(500);
    const from = pair.requestsOf(pair.client, 0).length;
    pair.change(pair.client, [], [LTE]).drive(100);
    const [first, second] = pair.requestsOf(pair.client, from);
    expect(first).toContain(`${LTE} -> ${SERVER} again`);
    expect(second).toContain('N(UPDATE_SA_ADDRESSES)');
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });

  it('lets an update complete that a further change has overtaken, bitwise the same, ignores its answer, and sends another (RFC 4555 §3.5, RFC 7296 §2.1)', () => {
    const pair = new RoamingPair().start();
    pair.broken.add(`${LTE} -> ${SERVER}`);
    const from = pair.flights.length;
    pair.change(pair.client, [WIFI], [LTE]).drive(1_000);
    pair.change(pair.client, [LTE], [WIFI]).drive(1_000);
    const sent = pair.flights.slice(from).filter((flight) => flight.from === 'client');
    expect(sent[1]?.data).toEqual(sent[0]?.data);
    const updates = pair
      .requestsOf(pair.client, 0)
      .filter((line) => line.includes('UPDATE_SA_ADDRESSES'));
    expect(updates.map((line) => line.split(':')[0])).toEqual([
      `${LTE} -> ${SERVER}`,
      `${LTE} -> ${SERVER} again`,
      `${WIFI} -> ${SERVER} again`,
      `${WIFI} -> ${SERVER}`,
    ]);
    expect(pair.client.seen('addresses-updated')).toHaveLength(1);
    expect(pair.espPaths(pair.client)).toEqual([`${WIFI} -> ${SERVER}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${WIFI}`]);
  });

  it('changes from IPv4 to IPv6 and back, Child SAs included', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER, SERVER6]);
    pair.change(pair.client, [WIFI], [WIFI6]).drive(100);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER6} -> ${WIFI6}`]);
    pair.change(pair.client, [WIFI6], [LTE]).drive(100);
    expect(pair.espPaths(pair.client)).toEqual([`${LTE} -> ${SERVER}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });

  it('reaches an IPv4 peer through the NAT64 of its network (RFC 6052 §2)', () => {
    const pair = new RoamingPair().start();
    const { now } = pair;
    const bytes = new Uint8Array(16);
    bytes.set([0, 0x64, 0xff, 0x9b]);
    const nat64Prefix = { address: { version: 6 as const, bytes }, length: 96 };
    pair.alive.add(WIFI6);
    const own = { version: 6 as const, bytes: new Uint8Array(16).fill(1) };
    pair.client.handle({ kind: 'local-addresses', now, addresses: [own], nat64Prefix });
    expect(pair.requestsOf(pair.client, 0).at(-1)).toContain('-> 64:ff9b::c633:6401: N(UPDATE');
  });

  it('rekeys Child SA and IKE SA after a move, and the selectors stay what was agreed', () => {
    const rekeyed = { children: [child({ rekeyMs: 30_000 })], rekeyMs: 45_000 };
    const pair = new RoamingPair({ client: rekeyed }).start();
    const [before] = [...pair.client.children.values()];
    pair.change(pair.client, [WIFI], [LTE]).drive(50_000);
    expect(pair.client.seen('child-rekeyed')).toHaveLength(1);
    expect(pair.client.seen('session-rekeyed')).toHaveLength(1);
    expect(pair.client.seen('rekey-failed')).toEqual([]);
    const [after] = [...pair.client.children.values()];
    expect(after?.localSelectors).toEqual(before?.localSelectors);
    expect(pair.espPaths(pair.client)).toEqual([`${LTE} -> ${SERVER}`]);
    pair.change(pair.client, [LTE], [WIFI]).drive(100);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${WIFI}`]);
  });

  it('moves in the middle of a rekey of either SA, which completes (RFC 4555 §3.5)', () => {
    for (const kind of ['rekey-ike', 'rekey-child'] as const) {
      for (let ms = 0; ms < 60; ms += 5) {
        const pair = new RoamingPair().start();
        const childId = [...pair.client.children.keys()][0] ?? 0;
        pair.client.command({ kind, sessionId: 1, childId });
        pair.drive(ms);
        pair.change(pair.client, [WIFI], [LTE]).drive(20_000);
        const done = kind === 'rekey-ike' ? 'session-rekeyed' : 'child-rekeyed';
        expect([kind, ms, pair.client.seen(done).length]).toEqual([kind, ms, 1]);
        expect(new Set(pair.espPaths(pair.client))).toEqual(new Set([`${LTE} -> ${SERVER}`]));
        expect(new Set(pair.espPaths(pair.server))).toEqual(new Set([`${SERVER} -> ${LTE}`]));
        expect(pair.client.closeCode).toBeUndefined();
      }
    }
  });

  it('moves in the middle of a reauthentication, which completes', () => {
    const client = { makeBeforeBreak: true };
    for (let ms = 0; ms < 100; ms += 5) {
      const pair = new RoamingPair({ client }).start();
      pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
      pair.drive(ms);
      pair.change(pair.client, [WIFI], [LTE]).drive(60_000);
      expect([ms, pair.client.seen('session-reauthenticated').length]).toEqual([ms, 1]);
      expect([ms, ...pair.espPaths(pair.client)]).toEqual([ms, `${LTE} -> ${SERVER}`]);
      expect([ms, ...pair.espPaths(pair.server)]).toEqual([ms, `${SERVER} -> ${LTE}`]);
      expect(pair.client.closeCode).toBeUndefined();
    }
  });

  it('goes on opening the session from another address', () => {
    for (let ms = 0; ms < 60; ms += 5) {
      const pair = new RoamingPair();
      pair.change(pair.client, [], [WIFI]).change(pair.server, [], [SERVER]);
      pair.initiate();
      pair.drive(ms);
      pair.change(pair.client, [WIFI], [LTE]).drive(20_000);
      expect([ms, pair.client.seen('session-opened').length]).toEqual([ms, 1]);
      expect([ms, ...pair.espPaths(pair.client)]).toEqual([ms, `${LTE} -> ${SERVER}`]);
      expect([ms, ...pair.espPaths(pair.server)]).toEqual([ms, `${SERVER} -> ${LTE}`]);
    }
  });

  it('sends what has no answer again also when its path has gone and come back twice in half a second', () => {
    const pair = new RoamingPair().start();
    pair.broken.add(`${LTE} -> ${SERVER}`);
    pair.alive.delete(WIFI);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.change(pair.client, [WIFI], [LTE]);
    for (let i = 0; i < 2; i += 1) {
      pair.drive(50);
      pair.tell(pair.client).drive(50);
      pair.tell(pair.client, LTE);
    }
    pair.broken.clear();
    pair.drive(10_000);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });

  it('makes no storm of addresses that flap ten times a second, and ends where they do', () => {
    const pair = new RoamingPair().start();
    for (let i = 0; i < 200; i += 1) {
      const [before, after] = i % 2 === 0 ? [WIFI, LTE] : [LTE, WIFI];
      pair.change(pair.client, [before], [after]).drive(100);
    }
    pair.drive(20_000);
    const sent = pair.client.seen('message').filter(({ direction }) => direction === 'sent');
    expect(sent.length).toBeLessThan(80);
    expect(pair.espPaths(pair.client)).toEqual([`${WIFI} -> ${SERVER}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${WIFI}`]);
    expect(pair.client.closeCode).toBeUndefined();
  });

  it('has its ESP leave from the address that is there, however often that changes', () => {
    const pair = new RoamingPair().start();
    for (let i = 0; i < 40; i += 1) {
      const [before, after] = i % 2 === 0 ? [WIFI, LTE] : [LTE, WIFI];
      if (i % 3 === 0) pair.change(pair.client, [before], []).drive(50);
      pair.change(pair.client, [before], [after]).drive(50);
      expect(pair.espPaths(pair.client), `${i} changes`).toEqual([`${after} -> ${SERVER}`]);
    }
  });

  it('is asked again at once whether it is there, when it tells again from where it was and the question was lost (RFC 4555 §3.7)', () => {
    for (let ms = 1; ms < 60; ms += 1) {
      const pair = new RoamingPair().start();
      pair.change(pair.client, [WIFI], [LTE]).drive(ms);
      pair.change(pair.client, [LTE], []).drive(150);
      pair.change(pair.client, [], [LTE]).drive(800);
      expect(pair.espPaths(pair.server), `gone after ${ms} ms`).toEqual([`${SERVER} -> ${LTE}`]);
    }
  });

  it('has a path at the end of a time in which its networks came and went ten times a second, wherever that is', () => {
    for (let changes = 10; changes < 40; changes += 1) {
      const pair = new RoamingPair().start();
      for (let i = 0; i < changes; i += 1) {
        const [before, after] = i % 2 === 0 ? [WIFI, LTE] : [LTE, WIFI];
        // Some changes have a moment without any network in between.
        if (i % 3 === 0) pair.change(pair.client, [before], []).drive(50);
        pair.change(pair.client, [before], [after]).drive(50);
      }
      pair.drive(20_000);
      const [own, about] = [changes % 2 === 0 ? WIFI : LTE, `${changes} changes`];
      expect(pair.espPaths(pair.server), about).toEqual([`${SERVER} -> ${own}`]);
      expect(pair.client.seen('path-found').length, about).toBe(
        pair.client.seen('path-lost').length,
      );
      expect(pair.client.closeCode).toBeUndefined();
    }
  });
});

describe('an initiator without an address', () => {
  it('keeps the session for hours, sends nothing, and comes back at once', () => {
    const rekeyed = {
      children: [child({ rekeyMs: 3_600_000 })],
      rekeyMs: 7_200_000,
      dpdDelayMs: 30_000,
    };
    const pair = new RoamingPair({ client: rekeyed }).start();
    pair.change(pair.client, [WIFI], []).drive(0);
    const sent = pair.flights.length;
    pair.drive(6 * 3_600_000);
    expect(pair.client.seen('path-lost')).toHaveLength(1);
    expect(pair.flights.slice(sent).filter(({ from }) => from === 'client')).toEqual([]);
    expect(pair.client.closeCode).toBeUndefined();
    expect(pair.client.children.size).toBe(1);
    pair.change(pair.client, [], [LTE]).drive(5_000);
    expect(pair.client.seen('path-found')).toHaveLength(1);
    expect(new Set(pair.espPaths(pair.server))).toEqual(new Set([`${SERVER} -> ${LTE}`]));
    expect(pair.client.closeCode).toBeUndefined();
  });

  it('tells the peer also when it comes back with the address that it had', () => {
    const pair = new RoamingPair().start();
    pair.change(pair.client, [WIFI], []).drive(10_000);
    pair.change(pair.client, [], [WIFI]).drive(100);
    expect(pair.client.seen('addresses-updated')).toHaveLength(1);
  });

  it('is closed at once when its user wants that', () => {
    const pair = new RoamingPair().start();
    pair.change(pair.client, [WIFI], []);
    pair.client.command({ kind: 'close', sessionId: 1 });
    expect(pair.client.closeCode).toBe('closed-by-user');
    expect(pair.client.machine.nextDeadline()).toBeUndefined();
  });

  it('whose request was out asks it again when there is a path', () => {
    const pair = new RoamingPair().start();
    pair.alive.delete(WIFI);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.tell(pair.client).drive(3_600_000);
    pair.change(pair.client, [], [LTE]).drive(1_000);
    expect(pair.client.seen('liveness-confirmed')).toHaveLength(1);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });
});

describe('an initiator that gets no answer', () => {
  it('finds another path with the outstanding request itself, bitwise the same, then proves it by an update (RFC 4555 §3.7, §3.10)', () => {
    const pair = new RoamingPair().start([WIFI, LTE], [SERVER, SECOND]);
    pair.broken.add(`${WIFI} -> ${SERVER}`).add(`${SERVER} -> ${WIFI}`);
    pair.broken.add(`${LTE} -> ${SERVER}`).add(`${WIFI} -> ${SECOND}`);
    const from = pair.flights.length;
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(8_000);
    const [first, ...more] = pair.flights.slice(from).filter(({ from: side }) => side === 'client');
    const tries = more.slice(0, 5);
    for (const { data } of tries) expect(data).toEqual(first?.data);
    expect(new Set(tries.map(({ path }) => inShort(path))).size).toBe(4);
    expect(pair.espPaths(pair.client)).toEqual([`${LTE} -> ${SECOND}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SECOND} -> ${LTE}`]);
  });

  it('finds a peer dead in the time of its policy of retransmission, however many paths there are', () => {
    const retransmit = { timeoutMs: 300, base: 1.8, tries: 2, limitMs: 0, jitter: 0 };
    const pair = new RoamingPair({ clientSettings: { retransmit } }).start(
      [WIFI, LTE],
      [SERVER, SECOND],
    );
    pair.alive.delete(SERVER);
    pair.alive.delete(SECOND);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(1_800);
    expect(pair.client.closeCode).toBeUndefined();
    pair.drive(100);
    expect(pair.client.closeCode).toBe('peer-dead');
  });

  it('after a move gives up after minutes, and not before (RFC 4555 §3.11)', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER, SECOND]);
    pair.alive.delete(SERVER);
    pair.alive.delete(SECOND);
    pair.change(pair.client, [WIFI], [LTE]);
    pair.drive(300_000);
    expect(pair.client.closeCode).toBeUndefined();
    pair.drive(120_000);
    expect(pair.client.closeCode).toBe('peer-dead');
  });

  it('with one path goes by the policy of retransmission', () => {
    const pair = new RoamingPair().start();
    pair.alive.delete(SERVER);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(170_000);
    expect(pair.client.closeCode).toBe('peer-dead');
  });
});
