import { Ke } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import type { Flight, Pair } from '../pair.ts';
import { authenticated, decrypt, type HandKeys, hmac, keysOf, payloadsOf } from './by-hand.ts';
import { hybridPair, listening } from './hybrid-pair.ts';

const PSK = 'swordfish';

/** Datagrams of one exchange, in order. */
function sent(pair: Pair, from: Flight['from'], exchange: number, messageId: number): Uint8Array[] {
  return pair.flights
    .filter(({ data }) => data[18] === exchange && (data[23] ?? 0) === messageId)
    .filter((flight) => flight.from === from)
    .map(({ data }) => data);
}

function bodyOf(first: number, bytes: Uint8Array, type: number): Buffer {
  const found = payloadsOf(first, bytes).find((payload) => payload.type === type);
  if (!found) throw new Error(`no payload ${type}`);
  return found.body;
}

/** Follows an establishment by hand; every message has to verify under the keys that the formulas give. */
function follow(methods: number[], fragmentBytes: number): { datagrams: number } {
  const { provider, secrets } = listening();
  const settings = { fragmentBytes };
  const pair = hybridPair(
    {
      provider,
      serverProvider: createNodeProvider(),
      clientSettings: settings,
      serverSettings: settings,
      clientSecret: PSK,
      serverSecret: PSK,
    },
    ...methods,
  ).open();
  const [request] = sent(pair, 'client', ExchangeType.IKE_SA_INIT, 0);
  const [response] = sent(pair, 'server', ExchangeType.IKE_SA_INIT, 0);
  if (!request || !response) throw new Error('no IKE_SA_INIT');
  const ni = bodyOf(request[16] ?? 0, request.subarray(28), 40);
  const nr = bodyOf(response[16] ?? 0, response.subarray(28), 40);
  const nonces = Buffer.concat([ni, nr]);
  const spis = response.subarray(0, 16);
  const [first, ...further] = secrets;
  if (!first) throw new Error('no shared secret');
  expect(further).toHaveLength(methods.length);
  let keys: HandKeys = keysOf(hmac(nonces, first), nonces, spis);
  let chainI: Buffer = Buffer.alloc(0);
  let chainR: Buffer = Buffer.alloc(0);
  let datagrams = 0;
  for (const [index, secret] of further.entries()) {
    const ours = sent(pair, 'client', ExchangeType.IKE_INTERMEDIATE, index + 1);
    const theirs = sent(pair, 'server', ExchangeType.IKE_INTERMEDIATE, index + 1);
    datagrams += ours.length + theirs.length;
    const question = decrypt(ours, keys.skEi, keys.skAi);
    const answer = decrypt(theirs, keys.skEr, keys.skAr);
    for (const { first: type, inside } of [question, answer]) {
      expect(bodyOf(type, inside, 34).readUInt16BE(0)).toBe(methods[index]);
    }
    chainI = hmac(keys.skPi, chainI, authenticated(question));
    chainR = hmac(keys.skPr, chainR, authenticated(answer));
    keys = keysOf(hmac(keys.skD, secret, nonces), nonces, spis);
  }
  const messageId = methods.length + 1;
  const mid = Buffer.from([0, 0, 0, messageId]);
  const intAuth = Buffer.concat([chainI, chainR, mid]);
  const secret = hmac(Buffer.from(PSK), Buffer.from('Key Pad for IKEv2'));
  const auth = ExchangeType.IKE_AUTH;
  const question = decrypt(sent(pair, 'client', auth, messageId), keys.skEi, keys.skAi);
  const idi = hmac(keys.skPi, bodyOf(question.first, question.inside, 35));
  const ofInitiator = hmac(secret, request, nr, idi, intAuth);
  expect(bodyOf(question.first, question.inside, 39).subarray(4)).toEqual(ofInitiator);
  const answer = decrypt(sent(pair, 'server', auth, messageId), keys.skEr, keys.skAr);
  const idr = hmac(keys.skPr, bodyOf(answer.first, answer.inside, 36));
  const ofResponder = hmac(secret, response, ni, idr, intAuth);
  expect(bodyOf(answer.first, answer.inside, 39).subarray(4)).toEqual(ofResponder);
  for (const host of [pair.client, pair.server]) {
    expect(host.seen('session-opened')).toHaveLength(1);
    expect(host.seen('ike-sa-keyed')).toHaveLength(1 + methods.length);
    expect(host.children.size).toBe(1);
  }
  return { datagrams };
}

describe('keys and AUTH after IKE_INTERMEDIATE, by hand (RFC 9370 §2.2.2, RFC 9242 §3.3.2)', () => {
  const { ML_KEM_512, ML_KEM_768, ML_KEM_1024, ECP_256 } = Ke;
  for (const fragmentBytes of [600, 9_000]) {
    const how = fragmentBytes === 600 ? 'in fragments' : 'whole';
    it(`are the formulas’ with one more exchange, ${how}`, () => {
      expect(follow([ML_KEM_768], fragmentBytes).datagrams).toBe(fragmentBytes === 600 ? 6 : 2);
    });

    it(`are the formulas’ with several, ${how}`, () => {
      follow([ML_KEM_512, ECP_256, ML_KEM_1024], fragmentBytes);
    });
  }

  it('are the formulas’ with all seven', () => {
    const more = [Ke.ECP_384, Ke.ECP_521, Ke.MODP_2048];
    follow([ML_KEM_512, ML_KEM_768, ML_KEM_1024, ECP_256, ...more], 1_280);
  });
});
