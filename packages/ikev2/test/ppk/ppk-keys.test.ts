import { createHmac } from 'node:crypto';
import { KeyMaterial, Prf } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { ExchangeType, NotifyType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { erasePpkKeys, mixPpk } from '../../src/keys/ppk-keys.ts';
import { decrypt, hmac, keysOf, payloadsOf, stream } from '../hybrid/by-hand.ts';
import { listening } from '../hybrid/hybrid-pair.ts';
import { type Flight, Pair } from '../pair.ts';
import { knows, offers, PPK_TEXT } from './ppk-pair.ts';

const PSK = 'swordfish';
const [ID, AUTH, NONCE, NOTIFY] = [35, 39, 40, 41];
const utf8 = (text: string): Buffer => Buffer.from(text);

describe('the keys with a post-quantum pre-shared key (RFC 8784 §3)', () => {
  it.each([
    ['sha256', Prf.PRF_HMAC_SHA2_256, 32],
    ['sha384', Prf.PRF_HMAC_SHA2_384, 48],
    ['sha512', Prf.PRF_HMAC_SHA2_512, 64],
  ] as const)(
    'are prf (PPK, SK | 0x01) with HMAC-%s, whatever the length of the PPK',
    (hash, prf, length) => {
      for (const ppkBytes of [1, 32, 200]) {
        const ppk = new Uint8Array(ppkBytes).fill(7);
        const plain = [1, 2, 3].map((fill) => new Uint8Array(length).fill(fill));
        const [skD, skPi, skPr] = plain.map((one) => new KeyMaterial(one.slice()));
        if (!skD || !skPi || !skPr) throw new Error('three keys expected');
        const before = { skD, skPi, skPr };
        const mixed = mixPpk(createNodeProvider(), prf, before, new KeyMaterial(ppk));
        const wanted = plain.map((one) =>
          createHmac(hash, ppk).update(one).update(Uint8Array.of(1)).digest('hex'),
        );
        const { skD: d, skPi: i, skPr: r } = mixed;
        expect([d, i, r].map((key) => Buffer.from(key.reveal()).toString('hex'))).toEqual(wanted);
        erasePpkKeys(before);
        expect(skD.reveal().every((byte) => byte === 0)).toBe(true);
        expect(d.reveal().some((byte) => byte !== 0)).toBe(true);
      }
    },
  );
});

function only(pair: Pair, from: Flight['from'], exchange: number): Uint8Array {
  const found = pair.flights.filter((one) => one.from === from && one.data[18] === exchange);
  const [{ data } = { data: new Uint8Array(0) }] = found;
  expect(found).toHaveLength(1);
  return data;
}

function body(payloads: ReturnType<typeof payloadsOf>, type: number): Buffer {
  const found = payloads.find((one) => one.type === type);
  if (!found) throw new Error(`no payload ${type}`);
  return found.body;
}

/** The data of a notification; its body begins with protocol, SPI size and type. */
function notified(payloads: ReturnType<typeof payloadsOf>, type: number): Buffer | undefined {
  const bodies = payloads.filter((one) => one.type === NOTIFY).map((one) => one.body);
  return bodies.find((one) => one.readUInt16BE(2) === type)?.subarray(4);
}

describe('an IKE SA with a post-quantum pre-shared key, followed by hand', () => {
  it('proves and derives what the formulas of RFC 8784 §3 give', () => {
    const { provider, secrets } = listening();
    const pair = new Pair({
      provider,
      serverProvider: createNodeProvider(),
      clientSecret: PSK,
      serverSecret: PSK,
      client: offers(),
      server: knows(['bob', 'carol']),
    }).open();
    const request = only(pair, 'client', ExchangeType.IKE_SA_INIT);
    const response = only(pair, 'server', ExchangeType.IKE_SA_INIT);
    const ni = body(payloadsOf(request[16] ?? 0, request.subarray(28)), NONCE);
    const nr = body(payloadsOf(response[16] ?? 0, response.subarray(28)), NONCE);
    const nonces = Buffer.concat([ni, nr]);
    const [shared] = secrets;
    if (!shared) throw new Error('no shared secret');
    const keys = keysOf(hmac(nonces, shared), nonces, response.subarray(0, 16));
    const question = decrypt([only(pair, 'client', ExchangeType.IKE_AUTH)], keys.skEi, keys.skAi);
    const answer = decrypt([only(pair, 'server', ExchangeType.IKE_AUTH)], keys.skEr, keys.skAr);
    const asked = payloadsOf(question.first, question.inside);
    const answered = payloadsOf(answer.first, answer.inside);
    const mixed = (key: Buffer): Buffer => stream(utf8(PPK_TEXT), key, 32);
    const pad = hmac(utf8(PSK), utf8('Key Pad for IKEv2'));
    const proof = (message: Uint8Array, nonce: Buffer, skP: Buffer, id: Buffer): Buffer =>
      hmac(pad, message, nonce, hmac(skP, id));

    const fixed = Buffer.concat([Uint8Array.of(2), utf8('carol')]);
    expect(notified(asked, NotifyType.PPK_IDENTITY)).toEqual(fixed);
    const idi = body(asked, ID);
    const auth = body(asked, AUTH).subarray(4);
    expect(auth).toEqual(proof(request, nr, mixed(keys.skPi), idi));
    expect(notified(asked, NotifyType.NO_PPK_AUTH)).toEqual(proof(request, nr, keys.skPi, idi));
    expect(notified(answered, NotifyType.PPK_IDENTITY)).toEqual(Buffer.alloc(0));
    const idr = body(answered, 36);
    expect(body(answered, AUTH).subarray(4)).toEqual(proof(response, ni, mixed(keys.skPr), idr));

    const child = [...pair.client.children.values()][0];
    // AES-GCM-256: 32 bytes of key and 4 of salt each way, the initiator's first.
    const material = stream(mixed(keys.skD), nonces, 72);
    expect(Buffer.from(child?.outboundKeys.encryption.reveal() ?? [])).toEqual(
      material.subarray(0, 36),
    );
  });
});
