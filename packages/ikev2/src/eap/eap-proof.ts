import type { KeyMaterial } from '@ipsec-kit/crypto';
import type { AuthPayload, IdPayload } from '@ipsec-kit/ikev2-codec';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { isPskProof, pskProof } from '../proof/psk-proof.ts';
import { signedOctets } from '../proof/signed-octets.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { InitTranscript } from '../session/session-state.ts';
import type { EapConversation } from './eap-state.ts';

/** The AUTH payload that binds the IKE SA to what EAP has proven: with the MSK in the place of the shared secret; without one, SK_pi
 * and SK_pr of the side that sends it. @see RFC 7296 §2.16, §2.15
 */
export function eapProof(
  context: EndpointContext,
  sa: IkeSa,
  transcript: InitTranscript,
  conversation: EapConversation,
  id: IdPayload,
): AuthPayload {
  const octets = signedOctets(context.crypto, sa, transcript, id);
  return pskProof(context.crypto, sa, octets, secretOf(sa, conversation, id));
}

/** Whether an AUTH payload is the one of the side with this identity; in constant time. */
export function isEapProof(
  context: EndpointContext,
  sa: IkeSa,
  transcript: InitTranscript,
  conversation: EapConversation,
  id: IdPayload,
  auth: AuthPayload,
): boolean {
  const octets = signedOctets(context.crypto, sa, transcript, id);
  return isPskProof(context.crypto, sa, octets, secretOf(sa, conversation, id), auth);
}

function secretOf(sa: IkeSa, { result }: EapConversation, { type }: IdPayload): KeyMaterial {
  return result?.msk ?? (type === 'IDi' ? sa.keys.skPi : sa.keys.skPr);
}
