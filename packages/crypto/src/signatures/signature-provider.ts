import type { KeyMaterial } from '../key-material.ts';
import type { PublicKeyError, PublicKeyInfo } from './public-key.ts';
import type { SignatureAlgorithm } from './signature-algorithm.ts';

/** A signature to check. */
export interface SignatureCheck {
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** A private key that can sign, wherever it lives: in memory, or in an HSM, an agent or a phone's keystore,
 * whose owner writes an object of this shape.
 */
export interface SigningKey {
  readonly info: PublicKeyInfo;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
  /** Signs `message`, which is not hashed yet.
   * @throws RangeError, or rejects, for an algorithm that does not fit the key (see `fitsKey`).
   */
  sign(algorithm: SignatureAlgorithm, message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** A key that was imported, or why not. */
export type SigningKeyResult =
  | { readonly ok: true; readonly key: SigningKey }
  | { readonly ok: false; readonly code: PublicKeyError };

/** Signatures: checking those of others, and making them with keys in memory. Machines never call it:
 * they emit requests, and the driver calls this (or a {@link SigningKey} of its own).
 */
export interface SignatureProvider {
  readonly name: string;
  /** Whether it has the family of the algorithm at all. */
  supports(algorithm: SignatureAlgorithm): boolean;
  /** Whether the signature is right. Everything else is `false`: a malformed key, a point off its curve, an algorithm
   * that does not fit the key or is not supported; never throws on content.
   */
  verify(check: SignatureCheck): boolean | Promise<boolean>;
  /** Takes a private key from PKCS #8 in DER, not encrypted. @see RFC 5958 §2, RFC 5915 §3, RFC 8410 §7 */
  importPrivateKey(pkcs8: KeyMaterial): SigningKeyResult;
}
