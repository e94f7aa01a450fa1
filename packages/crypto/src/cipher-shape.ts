import { argumentError } from './argument-error.ts';
import type { HashName } from './hash-name.ts';
import type { KeyMaterial } from './key-material.ts';
import type { CipherShape, CipherSuite } from './provider.ts';
import { Encr, Integ } from './transforms.ts';

/** Bytes of implicit nonce behind the key of an AEAD. @see RFC 4106 §4, RFC 7634 §2 */
export const SALT_BYTES = 4;
/** Bytes of nonce of both AEADs: salt and IV. */
export const NONCE_BYTES = 12;

const AES_KEY_BITS: readonly number[] = [128, 192, 256];

interface Integrity {
  readonly hash: HashName;
  readonly keyBytes: number;
  readonly icvBytes: number;
}

/** The HMACs: the key is as long as the hash, the ICV half of it (SHA-1: 96 bits).
 * @see RFC 2404 §2, RFC 4868 §2.1
 */
const INTEGRITY: Readonly<Record<number, Integrity>> = {
  [Integ.AUTH_HMAC_SHA1_96]: { hash: 'sha1', keyBytes: 20, icvBytes: 12 },
  [Integ.AUTH_HMAC_SHA2_256_128]: { hash: 'sha256', keyBytes: 32, icvBytes: 16 },
  [Integ.AUTH_HMAC_SHA2_384_192]: { hash: 'sha384', keyBytes: 48, icvBytes: 24 },
  [Integ.AUTH_HMAC_SHA2_512_256]: { hash: 'sha512', keyBytes: 64, icvBytes: 32 },
};

/** Sizes of a suite of this package's registry, whichever provider does the work.
 * @returns `undefined` for an unknown cipher or key length, an AEAD with an integrity transform,
 * and a cipher without one (RFC 7296 §3.3: an AEAD takes none, every other cipher needs one).
 */
export function cipherShapeOf(suite: CipherSuite): CipherShape | undefined {
  switch (suite.encryption) {
    case Encr.ENCR_AES_GCM_16:
      return AES_KEY_BITS.includes(suite.keyBits) ? aeadShape(suite) : undefined;
    case Encr.ENCR_CHACHA20_POLY1305:
      return suite.keyBits === 256 ? aeadShape(suite) : undefined;
    case Encr.ENCR_AES_CBC:
      return AES_KEY_BITS.includes(suite.keyBits) ? cbcShape(suite) : undefined;
    default:
      return undefined;
  }
}

/** The hash inside an integrity transform. @throws RangeError on one that is not an HMAC of this package. */
export function integrityHash(integrity: number): HashName {
  const entry = INTEGRITY[integrity];
  if (entry === undefined) {
    throw argumentError('integrity', 'an integrity transform that is provided', integrity);
  }
  return entry.hash;
}

function aeadShape(suite: CipherSuite): CipherShape | undefined {
  if (suite.integrity !== Integ.NONE) return undefined;
  return {
    encryptionKeyBytes: suite.keyBits / 8 + SALT_BYTES,
    integrityKeyBytes: 0,
    ivBytes: NONCE_BYTES - SALT_BYTES,
    iv: 'counter',
    blockBytes: 1,
    icvBytes: 16,
  };
}

function cbcShape(suite: CipherSuite): CipherShape | undefined {
  const integrity = INTEGRITY[suite.integrity];
  if (integrity === undefined) return undefined;
  return {
    encryptionKeyBytes: suite.keyBits / 8,
    integrityKeyBytes: integrity.keyBytes,
    ivBytes: 16,
    // RFC 3602 §3: the IV of CBC must be unpredictable, so a counter will not do.
    iv: 'random',
    blockBytes: 16,
    icvBytes: integrity.icvBytes,
  };
}

/** The shape of a suite whose keys have the lengths that it asks for.
 * @throws RangeError for a suite that is not provided and for keys of other lengths.
 */
export function shapeForKeys(
  suite: CipherSuite,
  keys: { readonly encryption: KeyMaterial; readonly integrity: KeyMaterial },
): CipherShape {
  const shape = cipherShapeOf(suite);
  if (shape === undefined) {
    throw argumentError(
      'suite',
      'a cipher suite that is provided (see cipherShape)',
      `encryption ${suite.encryption}, ${suite.keyBits} bits, integrity ${suite.integrity}`,
    );
  }
  if (keys.encryption.length !== shape.encryptionKeyBytes) {
    throw argumentError(
      'keys.encryption',
      `${shape.encryptionKeyBytes} bytes`,
      keys.encryption.length,
    );
  }
  if (keys.integrity.length !== shape.integrityKeyBytes) {
    throw argumentError(
      'keys.integrity',
      `${shape.integrityKeyBytes} bytes`,
      keys.integrity.length,
    );
  }
  return shape;
}
