import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { argumentError } from '../argument-error.ts';
import { cipherShapeOf } from '../cipher-shape.ts';
import { keyExchangeGroup } from '../key-exchange-groups.ts';
import { prfHash, prfShapeOf } from '../prf-shape.ts';
import type { CryptoProvider } from '../provider.ts';
import { NOBLE_HASH } from './noble-hash.ts';
import { agreeNobleKey, generateNobleKey } from './noble-key-exchange.ts';
import { createNoblePacketCipher } from './noble-packet-cipher.ts';

/** The provider on the noble libraries: pure JavaScript, the same in Node, browsers and workers.
 * Everything is synchronous. The MODP groups are computed with BigInt and are not constant time.
 */
export function createNobleProvider(): CryptoProvider {
  return {
    name: 'noble',
    prfShape: prfShapeOf,
    prf(prf, key, ...data) {
      const hash = prfHash(prf);
      if (hash === undefined) throw argumentError('prf', 'a PRF that is provided', prf);
      const mac = hmac.create(NOBLE_HASH[hash], key.reveal());
      for (const part of data) mac.update(part);
      return mac.digest();
    },
    sha1(...data) {
      const hash = sha1.create();
      for (const part of data) hash.update(part);
      return hash.digest();
    },
    cipherShape: cipherShapeOf,
    createCipher: createNoblePacketCipher,
    keyExchangePublicBytes: (method) => keyExchangeGroup(method)?.publicBytes,
    generate: generateNobleKey,
    agree: agreeNobleKey,
  };
}
