import type { HashName, SignatureAlgorithm } from '@ipsec-kit/crypto';
import { HashAlgorithm } from '@ipsec-kit/ikev2-codec';

/** A notify has room for more, but the registry has seven entries. */
const MAX_HASHES = 64;

const HASH_ID: Readonly<Record<HashName, number>> = {
  sha1: HashAlgorithm.SHA1,
  sha256: HashAlgorithm.SHA2_256,
  sha384: HashAlgorithm.SHA2_384,
  sha512: HashAlgorithm.SHA2_512,
};

/** The hash of a signature algorithm as SIGNATURE_HASH_ALGORITHMS counts it: IDENTITY for the EdDSAs, which hash by themselves.
 * @see RFC 7427 §4, RFC 8420 §2
 */
export function signatureHashId(algorithm: SignatureAlgorithm): number {
  return 'hash' in algorithm ? HASH_ID[algorithm.hash] : HashAlgorithm.IDENTITY;
}

/** The data of a SIGNATURE_HASH_ALGORITHMS notify: two bytes per hash. @see RFC 7427 §4 */
export function encodeSignatureHashes(hashes: readonly number[]): Uint8Array {
  return Uint8Array.from(hashes.flatMap((id) => [(id >>> 8) & 0xff, id & 0xff]));
}

/** Reads the data of a SIGNATURE_HASH_ALGORITHMS notify: each hash once, at most 64 of them, unknown ones too.
 * @returns `undefined` when it is not whole.
 */
export function decodeSignatureHashes(data: Uint8Array): readonly number[] | undefined {
  if (data.length % 2 !== 0) return undefined;
  const hashes = new Set<number>();
  for (let i = 0; i < data.length && hashes.size < MAX_HASHES; i += 2) {
    hashes.add(((data[i] ?? 0) << 8) | (data[i + 1] ?? 0));
  }
  return [...hashes];
}
