import { type RegistryNames, registryName, registryNames } from './registry-name.ts';

/** Hash algorithms of SIGNATURE_HASH_ALGORITHMS. @see RFC 7427 §4, RFC 8420 §2 */
export const HashAlgorithm = {
  SHA1: 1,
  /** SHA2-256 */
  SHA2_256: 2,
  /** SHA2-384 */
  SHA2_384: 3,
  /** SHA2-512 */
  SHA2_512: 4,
  /** Identity */
  IDENTITY: 5,
  STREEBOG_256: 6,
  STREEBOG_512: 7,
} as const;

const hashAlgorithmNames: RegistryNames = /* @__PURE__ */ registryNames(HashAlgorithm);

/** The name of a hash algorithm, or `unknown(n)`. */
export function hashAlgorithmName(value: number): string {
  return registryName(hashAlgorithmNames, value);
}
