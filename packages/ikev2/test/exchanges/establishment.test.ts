import { Encr, Integ, Ke, Prf, TransformType } from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import type { Transform } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import {
  CLIENT_500,
  CLIENT_4500,
  child,
  endpoint,
  identity,
  Pair,
  SERVER_500,
  SERVER_4500,
  selector,
} from '../pair.ts';

const encr = (id: number, keyBits?: number): Transform =>
  keyBits === undefined
    ? { type: TransformType.ENCR, id }
    : { type: TransformType.ENCR, id, keyBits };
const integ = (id: number): Transform => ({ type: TransformType.INTEG, id });
const prf = (id: number): Transform => ({ type: TransformType.PRF, id });
const ke = (id: number): Transform => ({ type: TransformType.KE, id });
const NO_ESN: Transform = { type: TransformType.ESN, id: 0 };

const IKE_SUITES: Record<string, Transform[]> = {
  'aes256-sha256-x25519': [
    encr(Encr.ENCR_AES_CBC, 256),
    integ(Integ.AUTH_HMAC_SHA2_256_128),
    prf(Prf.PRF_HMAC_SHA2_256),
    ke(Ke.CURVE25519),
  ],
  'aes128gcm16-prfsha256-ecp256': [
    encr(Encr.ENCR_AES_GCM_16, 128),
    prf(Prf.PRF_HMAC_SHA2_256),
    ke(Ke.ECP_256),
  ],
  'aes256-sha384-modp2048': [
    encr(Encr.ENCR_AES_CBC, 256),
    integ(Integ.AUTH_HMAC_SHA2_384_192),
    prf(Prf.PRF_HMAC_SHA2_384),
    ke(Ke.MODP_2048),
  ],
  'chacha20poly1305-prfsha256-x25519': [
    encr(Encr.ENCR_CHACHA20_POLY1305),
    prf(Prf.PRF_HMAC_SHA2_256),
    ke(Ke.CURVE25519),
  ],
  'aes128-sha1-prfsha512-ecp384': [
    encr(Encr.ENCR_AES_CBC, 128),
    integ(Integ.AUTH_HMAC_SHA1_96),
    prf(Prf.PRF_HMAC_SHA2_512),
    ke(Ke.ECP_384),
  ],
};

const ESP_SUITES: Record<string, Transform[]> = {
  aes256gcm16: [encr(Encr.ENCR_AES_GCM_16, 256), NO_ESN],
  'aes128-sha256': [encr(Encr.ENCR_AES_CBC, 128), integ(Integ.AUTH_HMAC_SHA2_256_128), NO_ESN],
  chacha20poly1305: [encr(Encr.ENCR_CHACHA20_POLY1305), NO_ESN],
};

describe('establishment (RFC 7296 §1.2)', () => {
  it('opens an IKE SA and a Child SA in two exchanges', () => {
    const pair = new Pair().open();
    expect(pair.client.story).toEqual([
      'sent IKE_SA_INIT request: SA KE No N(NAT_DETECTION_SOURCE_IP) N(NAT_DETECTION_DESTINATION_IP) N(IKEV2_FRAGMENTATION_SUPPORTED)',
      'received IKE_SA_INIT response: SA KE No N(NAT_DETECTION_SOURCE_IP) N(NAT_DETECTION_DESTINATION_IP) N(IKEV2_FRAGMENTATION_SUPPORTED) N(CHILDLESS_IKEV2_SUPPORTED)',
      'sent IKE_AUTH request: IDi AUTH SA TSi TSr N(INITIAL_CONTACT)',
      'received IKE_AUTH response: IDr AUTH SA TSi TSr',
    ]);
    expect(pair.client.seen('session-opened')).toHaveLength(1);
    expect(pair.server.seen('session-opened')[0]).toMatchObject({
      localIdentity: identity('server'),
      remoteIdentity: identity('client'),
    });
  });

  it('gives both ends mirrored SPIs, keys and selectors (RFC 7296 §2.17)', () => {
    const pair = new Pair().open();
    const [client] = pair.client.children.values();
    const [server] = pair.server.children.values();
    expect(client?.inboundSpi).toBe(server?.outboundSpi);
    expect(client?.outboundSpi).toBe(server?.inboundSpi);
    expect(client?.inboundKeys.encryption.reveal()).toEqual(
      server?.outboundKeys.encryption.reveal(),
    );
    expect(client?.outboundKeys.encryption.reveal()).toEqual(
      server?.inboundKeys.encryption.reveal(),
    );
    expect(client?.inboundKeys.encryption.reveal()).not.toEqual(
      client?.outboundKeys.encryption.reveal(),
    );
    expect(client?.localSelectors).toEqual(server?.remoteSelectors);
    expect(client?.remoteSelectors).toEqual(server?.localSelectors);
  });

  for (const [name, transforms] of Object.entries(IKE_SUITES)) {
    it(`negotiates the IKE suite ${name} (RFC 7296 §3.3)`, () => {
      const proposals = [{ transforms }];
      const pair = new Pair({ client: { proposals }, server: { proposals } }).open();
      expect(pair.client.children.size).toBe(1);
      expect(pair.server.seen('ike-sa-keyed')[0]?.transforms).toEqual(transforms);
    });
  }

  for (const [name, transforms] of Object.entries(ESP_SUITES)) {
    it(`negotiates the ESP suite ${name} (RFC 7296 §3.3)`, () => {
      const children = [child({ proposals: [{ transforms }] })];
      const pair = new Pair({ client: { children }, server: { children } }).open();
      expect(pair.client.seen('child-opened')[0]?.suite.encryption).toBe(transforms[0]?.id);
      expect(pair.server.children.size).toBe(1);
    });
  }

  it('runs on the noble provider against the node provider', () => {
    const pair = new Pair({ provider: createNobleProvider() }).open();
    expect(pair.client.children.size).toBe(1);
    const mixed = new Pair({ serverProvider: createNobleProvider() }).open();
    expect(mixed.client.children.size).toBe(1);
  });

  it('works with answers that take time, and does not start work twice for retransmissions', () => {
    const pair = new Pair({ answerDelayMs: 4_500 });
    pair.initiate();
    pair.drive(120_000);
    expect(pair.client.children.size).toBe(1);
    expect(pair.server.seen('ike-sa-keyed')).toHaveLength(1);
    expect(pair.server.children.size).toBe(1);
  });

  it('installs the child before the response promises it, on the responder', () => {
    const pair = new Pair({ answerDelayMs: 50 });
    pair.initiate();
    pair.drive(2_000);
    const opened = pair.server.seen('child-opened');
    expect(opened).toHaveLength(1);
    const sent = pair.server.story.filter((line) => line.startsWith('sent IKE_AUTH response'));
    expect(sent).toHaveLength(1);
  });

  it('floats to port 4500 with the marker after IKE_SA_INIT (RFC 7296 §2.23)', () => {
    const pair = new Pair().open();
    const auth = pair.flights.filter((flight) => flight.from === 'client')[1];
    expect(auth?.path).toEqual({ local: CLIENT_4500, remote: SERVER_4500 });
    expect(auth?.marker).toBe(true);
    const answer = pair.flights.filter((flight) => flight.from === 'server')[1];
    expect(answer?.path).toEqual({ local: SERVER_4500, remote: CLIENT_4500 });
    expect(answer?.marker).toBe(true);
    expect([...pair.server.children.values()][0]?.path.remote).toEqual(CLIENT_4500);
  });

  it('stays on its path when it is told of no other', () => {
    const pair = new Pair({ floatTo: null }).open();
    expect([...pair.client.children.values()][0]?.path).toEqual({
      local: CLIENT_500,
      remote: SERVER_500,
    });
  });

  it('works over IPv6, and with selectors of both families', () => {
    const local = { local: endpoint('[2001:db8::1]:4500'), remote: endpoint('[2001:db8::2]:4500') };
    const both = [selector('10.0.0.0/8'), selector('fd00::/8')];
    const children = [child({ localSelectors: both, remoteSelectors: both })];
    const pair = new Pair({ client: { children }, server: { children }, floatTo: local }).open();
    const [opened] = pair.server.seen('child-opened');
    expect(opened?.remoteSelectors).toHaveLength(2);
    expect(pair.flights.at(-1)?.path.remote).toEqual(local.local);
  });

  it('replays: equal inputs give equal outputs', () => {
    const bytes = (pair: Pair) => pair.flights.map(({ data }) => data);
    expect(bytes(new Pair({ seed: 'a' }).open())).toEqual(bytes(new Pair({ seed: 'a' }).open()));
    expect(bytes(new Pair({ seed: 'a' }).open())).not.toEqual(
      bytes(new Pair({ seed: 'b' }).open()),
    );
  });

  it('sends nothing and has no output at a timeout before its deadline', () => {
    const pair = new Pair().open();
    expect(pair.client.handle({ kind: 'timeout', now: pair.now })).toEqual([]);
  });

  it('names the peer in IDr only when it expects exactly one identity', () => {
    const remoteIdentity = { kind: 'identity', identity: identity('server') } as const;
    const pair = new Pair({ client: { remoteIdentity } }).open();
    expect(pair.client.story[2]).toContain('IDi IDr AUTH');
    expect(pair.client.children.size).toBe(1);
  });
});
