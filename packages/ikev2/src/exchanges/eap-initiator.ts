import type { AuthPayload, IdPayload, Payload } from '@ipsec-kit/ikev2-codec';
import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import type { ConnectionConfig } from '../config.ts';
import { askEapStep, endEap, openEap, readEapProgress } from '../eap/eap-conversation.ts';
import { eapProof, isEapProof } from '../eap/eap-proof.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import { wrongProof } from '../errors/authentication-failures.ts';
import { EAP_TOO_LONG, eapFailed, WRONG_EAP_KEY } from '../errors/eap-failures.ts';
import { CLOSED_BY_USER } from '../errors/endings.ts';
import { malformedFromPeer } from '../errors/failures.ts';
import { findErrorNotify, findPayload } from '../payloads/find-payload.ts';
import { beginPpk, ppkNotifies, settlePpk } from '../ppk/ppk-use.ts';
import { endSession } from '../session/close-session.ts';
import { sayFarewell } from '../session/farewell.ts';
import { beforePpk, type IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { sendRequest } from '../session/send-message.ts';
import { type AuthOffer, moveTo, type StateOf } from '../session/session-state.ts';
import { openAuthenticated } from './open-authenticated.ts';
import { failAuth, onRefusal } from './refused-by-peer.ts';

/** Code of EAP-Failure, the first byte of a packet. @see RFC 3748 §4.2 */
const EAP_FAILURE = 4;

/** The responder has proven itself, or leaves that to EAP; its first response has the first packet of the conversation.
 * @see RFC 7296 §2.16, RFC 5998 §3
 */
export function beginEapAsInitiator(
  context: EndpointContext,
  session: IkeSession,
  offer: AuthOffer,
  payloads: readonly Payload[],
): void {
  const idr = findPayload(payloads, 'IDr');
  const packet = findPayload(payloads, 'EAP')?.data;
  if (!idr || !packet) return;
  const isOnlyProof = session.connection?.remoteAuthentication?.kind === 'eap';
  openEap(context, session, { role: 'peer', idr: copyOf(idr), isOnlyProof });
  handOn(context, session, offer, packet);
}

/** The next IKE_AUTH response: with a packet of the conversation or, when that has succeeded, with AUTH and the first Child SA. */
export function onEapAuthResponse(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'awaiting-auth-response'>,
  payloads: readonly Payload[],
): void {
  const { connection, eap } = session;
  const { offer } = state;
  if (!connection || !eap) return;
  const packet = findPayload(payloads, 'EAP')?.data;
  const error = findErrorNotify(payloads);
  const auth = findPayload(payloads, 'AUTH');
  // An EAP-Failure beside it says more.
  if (error && !auth && packet?.[0] !== EAP_FAILURE) {
    onRefusal(context, session, connection, offer, error.notify);
  } else if (session.isClosing && !auth) {
    sayFarewell(context, session);
    endSession(context, session, CLOSED_BY_USER);
  } else if (eap.result) onLastResponse(context, session, state, payloads);
  else if (packet) handOn(context, session, offer, packet);
  else failAuth(context, session, malformedFromPeer('IKE_AUTH response', 'it has no EAP'));
}

/** Hands a packet of the responder to the driver. */
function handOn(
  context: EndpointContext,
  session: IkeSession,
  offer: AuthOffer,
  packet: Uint8Array,
): void {
  const { sa, eap, state } = session;
  const requestId = sa && eap && askEapStep(context, session, sa, eap, packet);
  if (requestId === undefined) {
    failAuth(context, session, eapFailed(session.localIdentity, EAP_TOO_LONG));
    return;
  }
  const isFailed = packet[0] === EAP_FAILURE;
  const making = { kind: 'making-eap-response', requestId, offer, isFailed } as const;
  if (state.kind === 'awaiting-auth-response') moveTo(session, state.kind, making);
  else if (state.kind === 'checking-peer-proof') moveTo(session, state.kind, making);
}

/** The driver has the next packet, or the end of the conversation. */
export function onEapResponseMade(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'making-eap-response'>,
  answer: Answer,
): void {
  const { sa, eap, connection } = session;
  const { offer } = state;
  if (!sa || !eap || !connection) return;
  const progress = readEapProgress(context, session, eap, answer);
  if (progress.kind === 'failure') {
    const failure = eapFailed(session.localIdentity, progress.detail);
    // RFC 7296 §2.16: the responder that has sent EAP-Failure has ended the IKE SA.
    if (state.isFailed) endSession(context, session, failure);
    else failAuth(context, session, failure);
    return;
  }
  const id: IdPayload = { type: 'IDi', ...offer.localIdentity };
  const payloads: readonly Payload[] =
    progress.kind === 'continue'
      ? [{ type: 'EAP', data: progress.packet }]
      : lastPayloads(context, session, sa, connection, (under) =>
          eapProof(context, under, offer.transcript, eap, id),
        );
  moveTo(session, 'making-eap-response', { kind: 'awaiting-auth-response', offer });
  session.authSent = { path: session.path, isRepeated: false };
  sendRequest(context, session, sa, ExchangeType.IKE_AUTH, payloads);
}

/** AUTH behind the conversation, with the post-quantum pre-shared key where there is one. @see RFC 8784 §3 (EAP) */
function lastPayloads(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  connection: ConnectionConfig,
  proofUnder: (sa: IkeSa) => AuthPayload,
): readonly Payload[] {
  const begun = beginPpk(context, session, sa, connection);
  const plain = begun.withoutPpk ? [proofUnder(beforePpk(begun))] : [];
  return [proofUnder(begun), ...ppkNotifies(session, connection, plain)];
}

/** Both have the key: AUTH of the responder shows it, beside what it proved before. @see RFC 7296 §2.16 */
function onLastResponse(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'awaiting-auth-response'>,
  payloads: readonly Payload[],
): void {
  const { eap, remoteIdentity } = session;
  const { offer } = state;
  const auth = findPayload(payloads, 'AUTH');
  if (!eap || !remoteIdentity) return;
  if (!auth) {
    failAuth(context, session, malformedFromPeer('IKE_AUTH response', 'it has no AUTH'));
    return;
  }
  const refusal = settlePpk(session, payloads);
  const { sa } = session;
  if (!sa) return;
  if (refusal) {
    failAuth(context, session, refusal);
    return;
  }
  if (!isEapProof(context, sa, offer.transcript, eap, eap.idr, auth)) {
    const hasPpk = session.ppk === 'used';
    failAuth(context, session, wrongProof(remoteIdentity, WRONG_EAP_KEY, hasPpk));
    return;
  }
  endEap(context, session);
  const checking = { kind: 'checking-peer-proof', requestId: undefined, offer, payloads } as const;
  moveTo(session, 'awaiting-auth-response', checking);
  openAuthenticated(context, session, checking);
}

function copyOf(id: IdPayload): IdPayload {
  return { ...id, data: id.data.slice() };
}
