import { type CryptoProvider, constantTimeEqual, KeyMaterial } from '@ipsec-kit/crypto';
import { encodeUtf8 } from './utf8.ts';

/** 17 ASCII letters without a terminator. @see RFC 7296 §2.15 */
const KEY_PAD: Uint8Array = /* @__PURE__ */ encodeUtf8('Key Pad for IKEv2');

/** The AUTH value of a pre-shared key: prf(prf(secret, "Key Pad for IKEv2"), octets).
 * @param secret - the pre-shared key, or the MSK of a key-generating EAP method; any length.
 * @param octets - from `initiatorSignedOctets` or `responderSignedOctets`.
 * @returns as many bytes as the PRF gives.
 * @see RFC 7296 §2.15, §2.16
 */
export function pskAuth(
  provider: CryptoProvider,
  prf: number,
  secret: KeyMaterial,
  octets: Uint8Array,
): Uint8Array {
  const padded = new KeyMaterial(provider.prf(prf, secret, KEY_PAD));
  const value = provider.prf(prf, padded, octets);
  padded.erase();
  return value;
}

/** Whether a received AUTH value is that of the secret; compared in constant time.
 * The caller has checked that the AUTH method of the payload is Shared Key Message Integrity Code (2).
 */
export function verifyPskAuth(
  provider: CryptoProvider,
  prf: number,
  secret: KeyMaterial,
  octets: Uint8Array,
  received: Uint8Array,
): boolean {
  return constantTimeEqual(pskAuth(provider, prf, secret, octets), received);
}
