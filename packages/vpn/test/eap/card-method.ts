import { createHmac, timingSafeEqual } from 'node:crypto';
import { KeyMaterial } from '@ipsec-kit/crypto';
import type { EapAnswer, EapMethod, EapStep } from '@ipsec-kit/eap';
import type { EapMethodQuestion, EapMethodWork } from '../../src/options.ts';

const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array => {
  const mac = createHmac('sha512', key);
  for (const part of parts) mac.update(part);
  return Uint8Array.from(mac.digest());
};
const word = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b);

/** What a card, or a subscriber database, makes of a challenge: RES, and a key for both. */
const ran = (key: Uint8Array, challenge: Uint8Array) => ({
  res: hmac(key, word('res'), challenge).subarray(0, 16),
  secret: new KeyMaterial(hmac(key, word('key'), challenge)),
});

/** Does the work of {@link cardMethod} with the keys of users, each in a card or in the database. */
export function cards(
  keys: Readonly<Record<string, string>>,
  heard: Pick<EapMethodQuestion, 'role' | 'user' | 'operation'>[] = [],
): EapMethodWork {
  return async ({ role, user, operation, input }) => {
    heard.push({ role, user, operation });
    const key = keys[user];
    if (key === undefined) return { output: new Uint8Array(0), status: 'failed' };
    const { res, secret } = ran(word(key), input);
    return { output: res, secret, status: 'done' };
  };
}

const failed = (reason: 'wrong-credentials' | 'protocol-error'): EapStep => ({
  kind: 'fail',
  reason,
});
const asked = (operation: string, input: Uint8Array): EapStep => ({
  kind: 'work',
  work: { kind: 'method', operation, input },
});
const mskOf = (secret: KeyMaterial): KeyMaterial =>
  new KeyMaterial(hmac(secret.reveal(), word('msk')));

/** A method in the manner of AKA: the server sends a challenge, whose other half proves that it knows the key of the card; the card
 * answers, and both have a key.
 */
export const cardMethod: EapMethod = {
  type: 23,
  name: 'EAP-CARD',
  isMutual: true,
  createPeer() {
    let mac: Uint8Array = new Uint8Array(0);
    let msk: KeyMaterial | undefined;
    return {
      request(data) {
        if (data.length !== 48) return failed('protocol-error');
        mac = data.slice(16);
        return asked('authenticate', data.slice(0, 16));
      },
      answer(answer: EapAnswer) {
        if (answer.kind !== 'method' || answer.status !== 'done' || !answer.secret) {
          return failed('wrong-credentials');
        }
        const expected = hmac(answer.secret.reveal(), word('mac')).subarray(0, 32);
        if (!isSame(mac, expected)) return { kind: 'fail', reason: 'server-not-authenticated' };
        msk = mskOf(answer.secret);
        return { kind: 'send', data: answer.output };
      },
      get outcome() {
        return msk && { msk };
      },
    };
  },
  createAuthenticator({ random, identity }) {
    const challenge = new Uint8Array(16);
    let vector: { readonly res: Uint8Array; readonly secret: KeyMaterial } | undefined;
    return {
      start() {
        random.fill(challenge);
        return asked('vector', challenge);
      },
      response(data) {
        if (!vector || !isSame(data, vector.res)) return failed('wrong-credentials');
        return { kind: 'succeed', user: identity, msk: mskOf(vector.secret) };
      },
      answer(answer) {
        if (answer.kind !== 'method' || answer.status !== 'done' || !answer.secret) {
          return failed('wrong-credentials');
        }
        vector = { res: answer.output, secret: answer.secret };
        const mac = hmac(answer.secret.reveal(), word('mac')).subarray(0, 32);
        return { kind: 'send', data: Uint8Array.from([...challenge, ...mac]) };
      },
    };
  },
};
