import { initiatorSignedOctets, responderSignedOctets } from '@ipsec-kit/auth';
import type { CryptoProvider } from '@ipsec-kit/crypto';
import { type IdPayload, idPayloadBody } from '@ipsec-kit/ikev2-codec';
import type { IkeSa } from '../session/ike-sa.ts';
import type { InitTranscript } from '../session/session-state.ts';

/** What the side with this identity proves to have agreed to. IDi belongs to the initiator's octets and IDr to the responder's,
 * whoever of the two we are. @see RFC 7296 §2.15
 */
export function signedOctets(
  provider: CryptoProvider,
  sa: IkeSa,
  transcript: InitTranscript,
  id: IdPayload,
): Uint8Array {
  const { prf } = sa.suite;
  const intAuth = transcript.intAuth ? { intAuth: transcript.intAuth } : {};
  if (id.type === 'IDi') {
    return initiatorSignedOctets({
      provider,
      prf,
      request: transcript.initRequest,
      responderNonce: transcript.responderNonce,
      skPi: sa.keys.skPi,
      initiatorIdBody: idPayloadBody(id),
      ...intAuth,
    });
  }
  return responderSignedOctets({
    provider,
    prf,
    response: transcript.initResponse,
    initiatorNonce: transcript.initiatorNonce,
    skPr: sa.keys.skPr,
    responderIdBody: idPayloadBody(id),
    ...intAuth,
  });
}
