import { sha1 } from '@noble/hashes/legacy.js';
import { argumentError } from '../argument-error.ts';
import { createKeyExchanges } from '../key-exchanges.ts';
import { prfMac, prfShapeOf } from '../prf-shape.ts';
import type { CryptoProvider } from '../provider.ts';
import { agreeNobleKey, generateNobleKey } from './noble-key-exchange.ts';
import { computeNoblePrf } from './noble-mac.ts';
import { createNoblePacketCipher, nobleCipherShape } from './noble-packet-cipher.ts';

/** The provider on the noble libraries: pure JavaScript, the same in Node, browsers and workers.
 * Everything is synchronous. The MODP groups are computed with BigInt and are not constant time.
 */
export function createNobleProvider(): CryptoProvider {
  return {
    name: 'noble',
    prfShape: prfShapeOf,
    prf(prf, key, ...data) {
      const mac = prfMac(prf);
      if (mac === undefined) throw argumentError('prf', 'a PRF that is provided', prf);
      return computeNoblePrf(mac, key.reveal(), data);
    },
    sha1(...data) {
      const hash = sha1.create();
      for (const part of data) hash.update(part);
      return hash.digest();
    },
    cipherShape: nobleCipherShape,
    createCipher: createNoblePacketCipher,
    ...createKeyExchanges({ generate: generateNobleKey, agree: agreeNobleKey }),
  };
}
