import { argumentError } from './argument-error.ts';
import {
  type CipherAlgorithm,
  cipherAlgorithm,
  type IntegrityAlgorithm,
  integrityAlgorithm,
} from './cipher-algorithms.ts';
import type { KeyMaterial } from './key-material.ts';
import type { CipherShape, CipherSuite } from './provider.ts';
import { Integ } from './transforms.ts';

/** Sizes of a suite of this package's registry, whichever provider does the work.
 * @returns `undefined` for an unknown cipher or key length, an AEAD with an integrity transform,
 * and a cipher without one (RFC 7296 §3.3: an AEAD takes none, every other cipher needs one).
 */
export function cipherShapeOf(suite: CipherSuite): CipherShape | undefined {
  const cipher = cipherAlgorithm(suite.encryption);
  if (cipher === undefined || !cipher.keyBits.includes(suite.keyBits)) return undefined;
  const isAead = cipher.icvBytes > 0;
  if (isAead) return suite.integrity === Integ.NONE ? shape(suite, cipher) : undefined;
  const integrity = integrityAlgorithm(suite.integrity);
  return integrity && shape(suite, cipher, integrity);
}

function shape(
  suite: CipherSuite,
  cipher: CipherAlgorithm,
  integrity?: IntegrityAlgorithm,
): CipherShape {
  return {
    encryptionKeyBytes: suite.keyBits / 8 + cipher.saltBytes,
    integrityKeyBytes: integrity?.keyBytes ?? 0,
    ivBytes: cipher.ivBytes,
    iv: ivOf(cipher),
    blockBytes: cipher.blockBytes,
    icvBytes: integrity?.icvBytes ?? cipher.icvBytes,
  };
}

function ivOf({ ivBytes, blockBytes }: CipherAlgorithm): CipherShape['iv'] {
  if (ivBytes === 0) return 'implicit';
  // RFC 3602 §3, RFC 2451 §3: the IV of CBC must be unpredictable, so a counter will not do.
  return blockBytes > 1 ? 'random' : 'counter';
}

/** A suite taken apart for the provider that computes it. */
export interface ResolvedSuite {
  readonly shape: CipherShape;
  readonly cipher: CipherAlgorithm;
  /** Absent for an AEAD. */
  readonly integrity?: IntegrityAlgorithm;
}

/** Takes a suite apart whose keys have the lengths that it asks for.
 * @param shapeOf - the provider's own view of what it provides.
 * @throws RangeError for a suite that is not provided and for keys of other lengths.
 */
export function resolveSuite(
  suite: CipherSuite,
  keys: { readonly encryption: KeyMaterial; readonly integrity: KeyMaterial },
  shapeOf: (suite: CipherSuite) => CipherShape | undefined,
): ResolvedSuite {
  const shape = shapeOf(suite);
  const cipher = cipherAlgorithm(suite.encryption);
  if (shape === undefined || cipher === undefined) {
    throw argumentError(
      'suite',
      'a cipher suite that is provided (see cipherShape)',
      `encryption ${suite.encryption}, ${suite.keyBits} bits, integrity ${suite.integrity}`,
    );
  }
  requireKeyBytes('keys.encryption', shape.encryptionKeyBytes, keys.encryption);
  requireKeyBytes('keys.integrity', shape.integrityKeyBytes, keys.integrity);
  const integrity = integrityAlgorithm(suite.integrity);
  return integrity ? { shape, cipher, integrity } : { shape, cipher };
}

function requireKeyBytes(argument: string, bytes: number, key: KeyMaterial): void {
  if (key.length !== bytes) throw argumentError(argument, `${bytes} bytes`, key.length);
}
