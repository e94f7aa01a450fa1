import type { HashName } from '../hash-name.ts';
import type { PublicKeyInfo } from './public-key.ts';

/** A signature algorithm with all that a verifier has to know.
 * ECDSA values are `der` (Ecdsa-Sig-Value, RFC 3279 §2.2.3) or `fixed` (r | s, each as long as the order, RFC 4754 §7).
 * The hash of RSASSA-PSS is that of its mask generation function too (RFC 8017 §8.1).
 */
export type SignatureAlgorithm =
  | { readonly kind: 'rsa-pkcs1'; readonly hash: HashName }
  | { readonly kind: 'rsa-pss'; readonly hash: HashName; readonly saltBytes: number }
  | { readonly kind: 'ecdsa'; readonly hash: HashName; readonly format: 'der' | 'fixed' }
  | { readonly kind: 'ed25519' }
  | { readonly kind: 'ed448' };

const HASH_BYTES: Readonly<Record<HashName, number>> = {
  sha1: 20,
  sha256: 32,
  sha384: 48,
  sha512: 64,
};

/** Bytes of output of a hash. */
export function hashBytes(hash: HashName): number {
  return HASH_BYTES[hash];
}

/** Whether a key can make signatures of this algorithm: the same family, and room for hash and salt in an RSA modulus.
 * A key that its certificate binds to RSASSA-PSS makes no others (RFC 4055 §1.2).
 */
export function fitsKey(algorithm: SignatureAlgorithm, key: PublicKeyInfo): boolean {
  switch (algorithm.kind) {
    case 'rsa-pkcs1':
      // RFC 8017 §9.2: DigestInfo is at most 19 bytes longer than the hash, and needs 11 bytes of frame.
      return key.kind === 'rsa' && !key.pssOnly && key.bits >= 8 * (hashBytes(algorithm.hash) + 30);
    case 'rsa-pss':
      return (
        key.kind === 'rsa' &&
        // RFC 8017 §9.1.1 step 3.
        Math.ceil((key.bits - 1) / 8) >= hashBytes(algorithm.hash) + algorithm.saltBytes + 2
      );
    default:
      return key.kind === algorithm.kind;
  }
}

/** The name of an algorithm for logs: `rsa-pss-sha256`, `ecdsa-sha384`, `ed25519`. */
export function formatSignatureAlgorithm(algorithm: SignatureAlgorithm): string {
  switch (algorithm.kind) {
    case 'ed25519':
    case 'ed448':
      return algorithm.kind;
    default:
      return `${algorithm.kind}-${algorithm.hash}`;
  }
}
