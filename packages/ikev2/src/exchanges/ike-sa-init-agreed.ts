import { TransformType } from '@ipsec-kit/crypto';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import { answerReason } from '../errors/answer-reason.ts';
import { ownWorkFailed } from '../errors/failures.ts';
import { keyExchangeInvalid } from '../errors/offer-failures.ts';
import { additionalMethods } from '../negotiate/additional-key-exchanges.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { StateOf } from '../session/session-state.ts';
import { firstAdditionalKeys } from './additional-keys.ts';
import { beginAuth } from './ike-auth-initiator.ts';
import { beginIntermediate } from './intermediate-initiator.ts';
import { keyIkeSa } from './keyed-ike-sa.ts';

/** The shared secret is there: makes the IKE SA, moves to port 4500, and goes on to the additional key exchanges that were
 * negotiated, or to IKE_AUTH. @see RFC 7296 §1.2, RFC 9370 §2.2
 */
export function onKeyAgreed(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'agreeing-key'>,
  answer: Answer,
): void {
  const connection = session.connection;
  if (answer.kind !== 'agree-key' || !connection) {
    endSession(context, session, ownWorkFailed('The key exchange', answerReason(answer)));
    return;
  }
  const { agreement } = answer;
  const { transcript, initiatorSpi, responderSpi, proposal } = state;
  const { transforms } = proposal;
  const method = transforms.find(({ type }) => type === TransformType.KE)?.id ?? 0;
  if (!agreement.ok) {
    endSession(context, session, keyExchangeInvalid(method, agreement.code));
    return;
  }
  const spis = { initiatorSpi, responderSpi };
  const sa = keyIkeSa(context, session, spis, transforms, transcript, agreement.sharedSecret);
  if (!sa) {
    endSession(context, session, ownWorkFailed('IKE_SA_INIT', 'an algorithm is not provided'));
    return;
  }
  // RFC 7296 §2.23: once NAT traversal is in use, IKE goes on at port 4500. We always force encapsulation.
  if (session.floatTo) {
    session.path = session.floatTo;
    session.marker = true;
  }
  const methods = additionalMethods(transforms);
  if (methods.length === 0) beginAuth(context, session, sa, connection, transcript);
  else beginIntermediate(context, session, firstAdditionalKeys(transcript, methods));
}
