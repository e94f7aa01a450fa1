import { pskAuth, verifyPskAuth } from '@ipsec-kit/auth';
import type { CryptoProvider, KeyMaterial } from '@ipsec-kit/crypto';
import { AuthMethod, type AuthPayload } from '@ipsec-kit/ikev2-codec';
import type { IkeSa } from '../session/ike-sa.ts';

/** The AUTH payload of a pre-shared key over the signed octets. @see RFC 7296 §2.15 */
export function pskProof(
  crypto: CryptoProvider,
  sa: IkeSa,
  octets: Uint8Array,
  secret: KeyMaterial,
): AuthPayload {
  const data = pskAuth(crypto, sa.suite.prf, secret, octets);
  return { type: 'AUTH', method: AuthMethod.SHARED_KEY_MESSAGE_INTEGRITY_CODE, data };
}

/** Whether the peer's AUTH payload is that of the pre-shared key; in constant time. Any other method is refused. */
export function isPskProof(
  crypto: CryptoProvider,
  sa: IkeSa,
  octets: Uint8Array,
  secret: KeyMaterial,
  auth: AuthPayload,
): boolean {
  if (auth.method !== AuthMethod.SHARED_KEY_MESSAGE_INTEGRITY_CODE) return false;
  return verifyPskAuth(crypto, sa.suite.prf, secret, octets, auth.data);
}
