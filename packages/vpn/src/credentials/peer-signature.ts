import { readSignatureAuth, verifySignature } from '@ipsec-kit/auth';
import { readPublicKey, type SignatureProvider } from '@ipsec-kit/crypto';
import type { PeerVerdict, VerifyPeerRequest } from '@ipsec-kit/ikev2';
import type { PeerCredentials } from './compiled-credentials.ts';
import { refuse } from './peer-belief.ts';
import { allowsSignature } from './signature-rule.ts';

/** Whether a key has signed what the peer had to sign, in a way that the connection takes.
 * @param publicKey - SubjectPublicKeyInfo in DER; that it is the peer's is known already.
 * @see RFC 7427 §3, RFC 7296 §2.15
 */
export async function checkSignature(
  signatures: SignatureProvider,
  { rule, policy }: Pick<PeerCredentials, 'rule' | 'policy'>,
  { auth, octets }: Pick<VerifyPeerRequest, 'auth' | 'octets'>,
  publicKey: Uint8Array,
): Promise<PeerVerdict> {
  const info = readPublicKey(publicKey);
  if (!info.ok) return refuse(`its key is ${info.code}`);
  const read = readSignatureAuth(auth.method, auth.data, info.key, policy);
  if (!read.ok) return refuse(`its AUTH is refused (${read.code})`);
  const candidates = read.candidates.filter((one) => allowsSignature(rule, info.key, one));
  if (candidates.length === 0) {
    return refuse('its key or the algorithm of its signature is not what remote.auth wants');
  }
  const { signature } = read;
  const message = octets;
  const isRight = await verifySignature(signatures, { publicKey, candidates, message, signature });
  return isRight ? { ok: true } : refuse('its signature is wrong');
}
