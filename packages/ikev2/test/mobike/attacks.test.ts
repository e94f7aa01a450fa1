import { ExchangeType, NotifyType, notify } from '@ipsec-kit/ikev2-codec';
import { cookie2Notify, noNatsAllowedNotify, updateSaAddressesNotify } from '@ipsec-kit/mobike';
import { describe, expect, it } from 'vitest';
import type { Flight } from '../pair.ts';
import { RawClient } from '../raw-peer.ts';
import { inShort, LTE, path, RoamingPair, SECOND, SERVER, WIFI } from './roaming-pair.ts';

const VICTIM = '203.0.113.66';

describe('UPDATE_SA_ADDRESSES that somebody copied and sent from elsewhere (RFC 4555 §3.7, §5.3)', () => {
  it('moves no Child SA, leaves the session where it is, and floods nobody', () => {
    const pair = new RoamingPair().start();
    const { wire } = pair;
    let forged: Flight | undefined;
    pair.wire = (flight) => {
      if (forged || flight.from !== 'client') return wire(flight);
      // The copy overtakes; the original is lost.
      forged = { ...flight, path: path(VICTIM, SERVER) };
      return [{ flight: forged }];
    };
    pair.change(pair.client, [WIFI], [LTE]).drive(60_000);
    expect(pair.espPaths(pair.client)).toEqual([`${LTE} -> ${SERVER}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
    expect(pair.server.moves.map(({ path: to }) => to.remote)).not.toContainEqual(
      path(SERVER, VICTIM).remote,
    );
    expect(pair.client.closeCode ?? pair.server.closeCode).toBeUndefined();
    // The answer and a few tries of a check: not a stream.
    expect(pair.bytesTo.get(VICTIM)).toBeLessThan(600);
  });

  it('is answered from the cache when it is a replay, and moves nothing', () => {
    const pair = new RoamingPair().start();
    pair.change(pair.client, [WIFI], [LTE]).drive(1_000);
    const update = pair.flights.filter(({ from }) => from === 'client').at(-2);
    if (!update) throw new Error('no update');
    const moves = pair.server.moves.length;
    for (let i = 0; i < 100; i += 1) {
      pair.deliver({ ...update, path: path(VICTIM, SERVER) });
      pair.drive(100);
    }
    expect(pair.server.moves).toHaveLength(moves);
    expect(pair.server.seen('peer-path-changed')).toHaveLength(1);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });

  it('without its keys is no request at all', () => {
    const pair = new RoamingPair().start();
    pair.change(pair.client, [WIFI], [LTE]);
    const update = pair.flights.at(-1);
    pair.drive(1_000);
    const moves = pair.server.moves.length;
    for (let at = 28; update && at < update.data.length; at += 1) {
      const data = update.data.slice();
      data[at] = (data[at] ?? 0) ^ 1;
      // The next message id, which the server waits for.
      data[23] = (data[23] ?? 0) + 1;
      pair.deliver({ ...update, data, path: path(VICTIM, SERVER) });
    }
    pair.drive(10_000);
    expect(pair.server.moves).toHaveLength(moves);
    expect(pair.client.closeCode ?? pair.server.closeCode).toBeUndefined();
  });
});

describe('a responder that trusts its peers', () => {
  it('moves the Child SAs with the IKE SA, and asks nothing (RFC 4555 §3.7)', () => {
    const pair = new RoamingPair({ server: { peerPathCheck: false } }).start();
    pair.change(pair.client, [WIFI], [LTE]).drive(10);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
    pair.drive(10_000);
    expect(pair.requestsOf(pair.server, 0)).toEqual([]);
  });
});

describe('an answer to UPDATE_SA_ADDRESSES', () => {
  it('with a wrong COOKIE2 closes the IKE SA (RFC 4555 §3.7)', () => {
    const pair = new RoamingPair().start();
    const raw = new RawClient(pair);
    const { wire } = pair;
    pair.wire = (flight) => {
      if (flight.from !== 'server') return wire(flight);
      const payloads = raw
        .open(flight.data, 'server')
        .map((payload) =>
          payload.type === 'N' && payload.notify === NotifyType.COOKIE2
            ? cookie2Notify(new Uint8Array(16))
            : payload,
        );
      const header = { exchangeType: ExchangeType.INFORMATIONAL, messageId: 2, isResponse: true };
      return [{ flight: { ...flight, data: raw.seal(payloads, header, 'server') } }];
    };
    pair.change(pair.client, [WIFI], [LTE]).drive(100);
    expect(pair.client.seen('session-closed')[0]?.failure.sentence).toContain('COOKIE2');
  });

  it('UNACCEPTABLE_ADDRESSES leads back to the path that was good (RFC 4555 §3.5)', () => {
    const near = {
      address: { version: 4 as const, bytes: Uint8Array.of(192, 0, 2, 0) },
      length: 24,
    };
    const pair = new RoamingPair({ server: { remoteAddresses: [near] } }).start();
    pair.change(pair.client, [], [LTE, WIFI]).drive(1_000);
    expect(pair.client.story.join()).toContain('N(UNACCEPTABLE_ADDRESSES)');
    expect(pair.espPaths(pair.client)).toEqual([`${WIFI} -> ${SERVER}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${WIFI}`]);
    expect(pair.client.closeCode).toBeUndefined();
  });

  it('UNEXPECTED_NAT_DETECTED is asked again, five times (RFC 4555 §3.9)', () => {
    const pair = new RoamingPair().start();
    const raw = new RawClient(pair);
    const { wire } = pair;
    let refusals = 0;
    pair.wire = (flight) => {
      if (flight.from !== 'server' || refusals === 5) return wire(flight);
      const payloads = raw.open(flight.data, 'server');
      const cookie = payloads.filter(
        (payload) => payload.type === 'N' && payload.notify === NotifyType.COOKIE2,
      );
      if (payloads.length < 2) return [];
      refusals += 1;
      const messageId = 1 + refusals;
      const header = { exchangeType: ExchangeType.INFORMATIONAL, messageId, isResponse: true };
      const data = raw.seal(
        [notify(NotifyType.UNEXPECTED_NAT_DETECTED), ...cookie],
        header,
        'server',
      );
      return [{ flight: { ...flight, data } }];
    };
    pair.change(pair.client, [WIFI], [LTE]).drive(60_000);
    expect(refusals).toBe(5);
    expect(pair.client.seen('addresses-updated')).toHaveLength(1);
    expect(pair.espPaths(pair.client)).toEqual([`${LTE} -> ${SERVER}`]);
  });
});

describe('a request whose sender wants no NAT on its way (RFC 4555 §3.9)', () => {
  const cookie = cookie2Notify(new Uint8Array(16).fill(7));
  /** An update that says where it left from, and where it comes from. */
  const update = (left: string, from: string) => {
    const pair = new RoamingPair().start();
    const says = noNatsAllowedNotify(path(left, SERVER));
    pair.alive.add(left).add(from);
    const answer = new RawClient(pair).request([updateSaAddressesNotify(), says, cookie], {
      path: path(from, SERVER),
    });
    const types = answer?.payloads.flatMap((one) => (one.type === 'N' ? [one.notify] : []));
    return { pair, types, over: answer && inShort(answer.path) };
  };

  it('is refused with UNEXPECTED_NAT_DETECTED where there was one, beside its COOKIE2, and moves nothing', () => {
    const { pair, types, over } = update(LTE, VICTIM);
    expect(types).toEqual([NotifyType.UNEXPECTED_NAT_DETECTED, NotifyType.COOKIE2]);
    expect(over).toBe(`${SERVER} -> ${VICTIM}`);
    pair.drive(1_000);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${WIFI}`]);
    expect(pair.server.seen('peer-path-changed')).toEqual([]);
    expect(pair.server.closeCode).toBeUndefined();
  });

  it('moves the IKE SA where there was none', () => {
    const { pair } = update(LTE, LTE);
    expect(pair.server.seen('peer-path-changed')).toHaveLength(1);
  });
});

describe('a list of addresses of a peer', () => {
  it('cannot make an initiator probe without end: eight paths at a time, for minutes', () => {
    const many = Array.from({ length: 200 }, (_, i) => `198.51.100.${i + 3}`);
    const pair = new RoamingPair().start([WIFI], [SERVER]);
    pair.change(pair.server, [], [SERVER, ...many]).drive(1_000);
    for (const text of [SERVER, SECOND, ...many]) pair.alive.delete(text);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    const from = pair.flights.length;
    pair.drive(500_000);
    expect(pair.flights.length - from).toBeLessThan(180);
    expect(pair.client.closeCode).toBe('peer-dead');
  });
});

describe('two hosts whose addresses and paths change at random', () => {
  it('agree about the path when it is quiet, or know that there is none', () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      let state = seed * 2_654_435_761;
      const draw = (below: number): number => {
        state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
        return Math.floor((state / 2 ** 31) * below);
      };
      const pair = new RoamingPair().start([WIFI], [SERVER, SECOND]);
      const subsets = [[WIFI], [LTE], [WIFI, LTE], [LTE, WIFI], []];
      const servers = [[SERVER], [SECOND], [SERVER, SECOND]];
      for (let step = 0; step < 12; step += 1) {
        const mine = subsets[draw(subsets.length)] ?? [WIFI];
        if (draw(3) > 0) pair.change(pair.client, [WIFI, LTE], mine);
        else pair.change(pair.server, [SERVER, SECOND], servers[draw(3)] ?? [SERVER]);
        if (draw(4) === 0) {
          const childId = [...pair.client.children.keys()][0] ?? 0;
          pair.client.command({ kind: 'rekey-child', sessionId: 1, childId });
        }
        pair.drive(draw(2) === 0 ? draw(60) : draw(4_000));
      }
      pair.change(pair.client, [WIFI, LTE], [LTE]).change(pair.server, [], [SERVER, SECOND]);
      pair.drive(60_000);
      const [mine] = pair.espPaths(pair.client);
      const [theirs] = pair.espPaths(pair.server);
      expect([seed, pair.client.closeCode, pair.server.closeCode]).toEqual([
        seed,
        undefined,
        undefined,
      ]);
      expect([seed, mine]).toEqual([seed, theirs?.split(' -> ').reverse().join(' -> ')]);
      expect(mine).toContain(LTE);
    }
  });
});
