import type { MacAlgorithm } from './cipher-algorithms.ts';
import { KeyMaterial } from './key-material.ts';
import { Prf } from './transforms.ts';

const PRF: Readonly<Record<number, { readonly mac: MacAlgorithm; readonly bytes: number }>> = {
  [Prf.PRF_HMAC_SHA1]: { mac: { kind: 'hmac', hash: 'sha1' }, bytes: 20 },
  [Prf.PRF_AES128_XCBC]: { mac: { kind: 'xcbc' }, bytes: 16 },
  [Prf.PRF_HMAC_SHA2_256]: { mac: { kind: 'hmac', hash: 'sha256' }, bytes: 32 },
  [Prf.PRF_HMAC_SHA2_384]: { mac: { kind: 'hmac', hash: 'sha384' }, bytes: 48 },
  [Prf.PRF_HMAC_SHA2_512]: { mac: { kind: 'hmac', hash: 'sha512' }, bytes: 64 },
  [Prf.PRF_AES128_CMAC]: { mac: { kind: 'cmac' }, bytes: 16 },
};

/** Key and output bytes of a PRF: the preferred key length is that of the output.
 * @returns `undefined` for a PRF that is not provided. @see RFC 7296 §2.13, RFC 4868 §2.1.2
 */
export function prfShapeOf(
  prf: number,
): { readonly keyBytes: number; readonly outputBytes: number } | undefined {
  const entry = PRF[prf];
  return entry && { keyBytes: entry.bytes, outputBytes: entry.bytes };
}

/** The MAC inside a PRF, or `undefined` for a PRF that is not provided. */
export function prfMac(prf: number): MacAlgorithm | undefined {
  return PRF[prf]?.mac;
}

/** Bytes of each nonce that key the two PRFs which count as fixed-length here. */
const HALF_KEY_BYTES = 8;

/** The key of SKEYSEED = prf(Ni | Nr, g^ir): both nonces, but for AES-XCBC and AES-CMAC the first 64 bits of each.
 * prf+ takes all bits of both, whatever the PRF.
 * @see RFC 7296 §2.14, RFC 4434 §1.1, RFC 4615 §2
 */
export function skeyseedKey(
  prf: number,
  initiatorNonce: Uint8Array,
  responderNonce: Uint8Array,
): KeyMaterial {
  const isHalved = prf === Prf.PRF_AES128_XCBC || prf === Prf.PRF_AES128_CMAC;
  const parts = [initiatorNonce, responderNonce].map((nonce) =>
    isHalved ? nonce.subarray(0, HALF_KEY_BYTES) : nonce,
  );
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return new KeyMaterial(bytes);
}
