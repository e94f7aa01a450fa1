import type { HashName } from './hash-name.ts';
import { Prf } from './transforms.ts';

const PRF: Readonly<Record<number, { hash: HashName; bytes: number }>> = {
  [Prf.PRF_HMAC_SHA1]: { hash: 'sha1', bytes: 20 },
  [Prf.PRF_HMAC_SHA2_256]: { hash: 'sha256', bytes: 32 },
  [Prf.PRF_HMAC_SHA2_384]: { hash: 'sha384', bytes: 48 },
  [Prf.PRF_HMAC_SHA2_512]: { hash: 'sha512', bytes: 64 },
};

/** Key and output bytes of a PRF: for HMAC the preferred key length is that of the output.
 * @returns `undefined` for a PRF that is not provided. @see RFC 7296 §2.13, RFC 4868 §2.1.2
 */
export function prfShapeOf(
  prf: number,
): { readonly keyBytes: number; readonly outputBytes: number } | undefined {
  const entry = PRF[prf];
  return entry && { keyBytes: entry.bytes, outputBytes: entry.bytes };
}

/** The hash inside an HMAC PRF, or `undefined` for a PRF that is not provided. */
export function prfHash(prf: number): HashName | undefined {
  return PRF[prf]?.hash;
}
