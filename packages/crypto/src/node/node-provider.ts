import { createHash } from 'node:crypto';
import { argumentError } from '../argument-error.ts';
import { cipherShapeOf } from '../cipher-shape.ts';
import { createKeyExchanges } from '../key-exchanges.ts';
import { prfMac, prfShapeOf } from '../prf-shape.ts';
import type { CryptoProvider } from '../provider.ts';
import { agreeNodeKey, generateNodeKey } from './node-key-exchange.ts';
import { computeNodePrf } from './node-mac.ts';
import { createNodePacketCipher } from './node-packet-cipher.ts';

/** The provider on node:crypto: OpenSSL's speed and its constant-time code; ML-KEM, which Node 20 lacks, from noble.
 * Everything is synchronous; a MODP-4096 agreement takes about a millisecond, the curves far less.
 */
export function createNodeProvider(): CryptoProvider {
  return {
    name: 'node',
    prfShape: prfShapeOf,
    prf(prf, key, ...data) {
      const mac = prfMac(prf);
      if (mac === undefined) throw argumentError('prf', 'a PRF that is provided', prf);
      return computeNodePrf(mac, key.reveal(), data);
    },
    sha1(...data) {
      const hash = createHash('sha1');
      for (const part of data) hash.update(part);
      return plainBytes(hash.digest());
    },
    cipherShape: cipherShapeOf,
    createCipher: createNodePacketCipher,
    ...createKeyExchanges({ generate: generateNodeKey, agree: agreeNodeKey }),
  };
}

/** A Buffer answers `slice` and `toJSON` in its own ways: callers get the plain type that they were promised. */
function plainBytes(buffer: Buffer): Uint8Array {
  return Uint8Array.from(buffer);
}
