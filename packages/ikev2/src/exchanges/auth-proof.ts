import {
  initiatorSignedOctets,
  pskAuth,
  responderSignedOctets,
  verifyPskAuth,
} from '@ipsec-kit/auth';
import type { CryptoProvider, KeyMaterial } from '@ipsec-kit/crypto';
import {
  AuthMethod,
  type AuthPayload,
  type IdPayload,
  idPayloadBody,
} from '@ipsec-kit/ikev2-codec';
import type { IkeSa } from '../session/ike-sa.ts';
import type { InitTranscript } from '../session/session-state.ts';

/** The AUTH payload that proves our identity with a pre-shared key. @see RFC 7296 §2.15 */
export function proveIdentity(
  crypto: CryptoProvider,
  sa: IkeSa,
  transcript: InitTranscript,
  id: IdPayload,
  secret: KeyMaterial,
): AuthPayload {
  const octets = signedOctets(crypto, sa, transcript, id);
  const data = pskAuth(crypto, sa.suite.prf, secret, octets);
  return { type: 'AUTH', method: AuthMethod.SHARED_KEY_MESSAGE_INTEGRITY_CODE, data };
}

/** Whether the peer's AUTH payload proves its identity with the pre-shared key; in constant time.
 * Any other method than a shared key is refused.
 */
export function verifyProof(
  crypto: CryptoProvider,
  sa: IkeSa,
  transcript: InitTranscript,
  id: IdPayload,
  secret: KeyMaterial,
  auth: AuthPayload,
): boolean {
  if (auth.method !== AuthMethod.SHARED_KEY_MESSAGE_INTEGRITY_CODE) return false;
  const octets = signedOctets(crypto, sa, transcript, id);
  return verifyPskAuth(crypto, sa.suite.prf, secret, octets, auth.data);
}

/** IDi belongs to the initiator's octets and IDr to the responder's, whoever of the two we are. */
function signedOctets(
  provider: CryptoProvider,
  sa: IkeSa,
  transcript: InitTranscript,
  id: IdPayload,
): Uint8Array {
  const { prf } = sa.suite;
  if (id.type === 'IDi') {
    return initiatorSignedOctets({
      provider,
      prf,
      request: transcript.initRequest,
      responderNonce: transcript.responderNonce,
      skPi: sa.keys.skPi,
      initiatorIdBody: idPayloadBody(id),
    });
  }
  return responderSignedOctets({
    provider,
    prf,
    response: transcript.initResponse,
    initiatorNonce: transcript.initiatorNonce,
    skPr: sa.keys.skPr,
    responderIdBody: idPayloadBody(id),
  });
}
