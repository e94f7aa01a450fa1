import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { ExchangeType, findNotify, NotifyType, notify, type Payload } from '@ipsec-kit/ikev2-codec';
import { parseSelector } from '@ipsec-kit/ip';
import { cookie2Notify, mobikeSupportedNotify, updateSaAddressesNotify } from '@ipsec-kit/mobike';
import { describe, expect, it } from 'vitest';
import { natDetectionNotifies } from '../../src/nat/nat-detection.ts';
import { child, ESP_GCM, endpoint, Pair, type PairOptions, SERVER_4500 } from '../pair.ts';
import { RawClient } from '../raw-peer.ts';

/** A request with this in it came with enough bytes for an answer and the question whether its sender is there. */
const ROOM = notify(50_000, new Uint8Array(200));

const AWAY = { local: endpoint('203.0.113.5:4500'), remote: SERVER_4500 };

/** A pair whose client announces MOBIKE: its IKE_AUTH request is opened and extended on the way. */
function openWithMobike(
  serverDoes = true,
  client: PairOptions['client'] = {},
  server: PairOptions['server'] = {},
): { pair: Pair; raw: RawClient } {
  const pair = new Pair({ client, server: { mobike: serverDoes, ...server } });
  const raw = new RawClient(pair);
  pair.wire = (flight) => {
    if (flight.from !== 'client' || !flight.marker) return [{ flight }];
    const payloads = [...raw.open(flight.data, 'client'), mobikeSupportedNotify()];
    const message = { exchangeType: ExchangeType.IKE_AUTH, messageId: 1 };
    return [{ flight: { ...flight, data: raw.seal(payloads, message) } }];
  };
  pair.open();
  // From here on the test itself is the client.
  pair.wire = () => [];
  return { pair, raw };
}

/** Answers the server's COOKIE2 request from the client's place. */
function answerPathCheck(
  pair: Pair,
  raw: RawClient,
  echo: (payloads: readonly Payload[]) => Payload[],
): void {
  const flight = pair.flights.filter(({ from }) => from === 'server').at(-1);
  if (!flight) throw new Error('no request');
  const payloads = raw.open(flight.data, 'server');
  const message = { exchangeType: ExchangeType.INFORMATIONAL, messageId: 0, isResponse: true };
  const data = raw.seal(echo(payloads), message);
  pair.deliver({ from: 'client', index: -1, path: AWAY, data, marker: true });
}

describe('MOBIKE as responder', () => {
  it('is announced only in answer to the peer and when configured (RFC 4555 §3.2)', () => {
    const last = (pair: Pair): string | undefined => pair.client.story.at(-1);
    expect(last(openWithMobike().pair)).toContain('N(MOBIKE_SUPPORTED)');
    expect(last(openWithMobike(false).pair)).not.toContain('N(MOBIKE_SUPPORTED)');
    const silent = new Pair({ server: { mobike: true } }).open();
    expect(silent.client.story.join()).not.toContain('MOBIKE_SUPPORTED');
    const alone = new Pair({ client: { mobike: true } }).open();
    expect(alone.client.story.join()).toContain('N(MOBIKE_SUPPORTED)');
    expect(alone.server.story.join()).not.toContain('AUTH N(MOBIKE_SUPPORTED)');
  });

  it('does not move for a request from elsewhere without UPDATE_SA_ADDRESSES (RFC 4555 §3.8)', () => {
    const { pair, raw } = openWithMobike();
    const answer = raw.request([], { path: AWAY });
    expect(answer?.path.remote).toEqual(AWAY.local);
    expect(pair.server.seen('peer-path-changed')).toHaveLength(0);
  });

  it('repeats COOKIE2 and answers NAT detection (RFC 4555 §3.7, §3.8)', () => {
    const { raw } = openWithMobike();
    const cookie = cookie2Notify(new Uint8Array(16).fill(7));
    const detection = natDetectionNotifies(createNodeProvider(), raw.keyed, AWAY);
    const payloads = raw.request([cookie, ...detection])?.payloads ?? [];
    expect(findNotify(payloads, NotifyType.COOKIE2)?.data).toEqual(cookie.data);
    expect(findNotify(payloads, NotifyType.NAT_DETECTION_DESTINATION_IP)).toBeDefined();
  });

  it('moves IKE at once, and the children when the peer has proven that it is there (RFC 4555 §3.5, §3.7)', () => {
    const { pair, raw } = openWithMobike();
    expect(raw.request([updateSaAddressesNotify(), ROOM], { path: AWAY })?.payloads).toEqual([]);
    expect(pair.server.seen('peer-path-changed')[0]?.to.remote).toEqual(AWAY.local);
    expect(pair.server.moves).toEqual([]);
    answerPathCheck(pair, raw, (payloads) => [...payloads]);
    expect(pair.server.moves.map(({ path }) => path.remote)).toEqual([AWAY.local]);
  });

  it('closes the IKE SA when the COOKIE2 that comes back is another (RFC 4555 §3.7)', () => {
    const { pair, raw } = openWithMobike();
    raw.request([updateSaAddressesNotify(), ROOM], { path: AWAY });
    answerPathCheck(pair, raw, () => [cookie2Notify(new Uint8Array(16))]);
    expect(pair.server.seen('session-closed')[0]?.failure.sentence).toContain('COOKIE2');
    expect(pair.server.moves).toEqual([]);
  });

  it('knows of a NAT in front of the new address, which transport mode needs (RFC 4555 §3.8, RFC 7296 §2.23.1)', () => {
    const server = { mobike: true, children: [child({ mode: 'transport' })] };
    for (const isBehindNat of [true, false]) {
      const { pair, raw } = openWithMobike(true, { children: [child()] }, server);
      const inside = { ...AWAY, local: endpoint('10.0.0.9:4500') };
      const detection = natDetectionNotifies(
        createNodeProvider(),
        raw.keyed,
        isBehindNat ? inside : AWAY,
      );
      raw.request([updateSaAddressesNotify(), ROOM, ...detection], { path: AWAY });
      const ts = (text: string) => [parseSelector(text)].filter((each) => each !== undefined);
      const answer = raw.request(
        [
          notify(NotifyType.USE_TRANSPORT_MODE),
          {
            type: 'SA',
            proposals: [{ number: 1, protocol: 3, spi: Uint8Array.of(1, 2, 3, 4), ...ESP_GCM }],
          },
          { type: 'Nonce', data: new Uint8Array(32) },
          { type: 'TSi', selectors: ts('10.0.0.9/32') },
          { type: 'TSr', selectors: ts('198.51.100.1/32') },
          ROOM,
        ],
        { exchangeType: ExchangeType.CREATE_CHILD_SA, path: AWAY },
      );
      const installed = [...pair.server.children.values()].at(-1);
      const isTransport = findNotify(answer?.payloads ?? [], NotifyType.USE_TRANSPORT_MODE);
      expect([isBehindNat, isTransport !== undefined]).toEqual([isBehindNat, isBehindNat]);
      expect(installed?.mode).toBe(isBehindNat ? 'transport' : 'tunnel');
    }
  });

  it('follows ESP also with MOBIKE (RFC 4555 §3.8)', () => {
    const { pair, raw } = openWithMobike();
    const path = { local: SERVER_4500, remote: AWAY.local };
    pair.server.hearEsp(path);
    expect(pair.server.moves).toEqual([]);
    answerPathCheck(pair, raw, (payloads) => [...payloads]);
    expect(pair.server.moves[0]?.path).toEqual(path);
  });

  it('follows ESP to another port of the same address without a question (RFC 7296 §2.23)', () => {
    const { pair } = openWithMobike();
    const path = { local: SERVER_4500, remote: endpoint('192.0.2.1:61000') };
    pair.server.hearEsp(path, 40);
    expect(pair.server.moves[0]?.path).toEqual(path);
  });

  it('asks first whether the peer is there, and answers then, where both would be more than came (RFC 4555 §3.7)', () => {
    const { pair, raw } = openWithMobike();
    const detection = natDetectionNotifies(createNodeProvider(), raw.keyed, AWAY);
    const update = [updateSaAddressesNotify(), ...detection];
    expect(raw.request(update, { path: AWAY, messageId: 2 })).toBeUndefined();
    const before = pair.flights.length;
    answerPathCheck(pair, raw, (payloads) => [...payloads]);
    expect(pair.server.moves.map(({ path }) => path.remote)).toEqual([AWAY.local]);
    const [owed] = pair.flights.slice(before);
    expect(raw.open(owed?.data ?? new Uint8Array(0), 'server')).toHaveLength(2);
  });

  it('asks when enough has come, not before: the peer sends its request again', () => {
    const { pair, raw } = openWithMobike();
    const before = pair.flights.length;
    expect(raw.request([updateSaAddressesNotify()], { path: AWAY, messageId: 2 })).toBeUndefined();
    expect(pair.flights).toHaveLength(before);
    expect(raw.request([updateSaAddressesNotify()], { path: AWAY, messageId: 2 })).toBeUndefined();
    expect(pair.flights).toHaveLength(before + 1);
    answerPathCheck(pair, raw, (payloads) => [...payloads]);
    expect(pair.flights).toHaveLength(before + 2);
    expect(pair.server.moves.map(({ path }) => path.remote)).toEqual([AWAY.local]);
  });
});
