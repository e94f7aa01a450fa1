import { addMs } from '@ipsec-kit/clock';
import { ask, type EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer, EapProgress } from '../endpoint-work.ts';
import { answerReason } from '../errors/answer-reason.ts';
import { awaitProof, endProofTimer } from '../proof/proof-timer.ts';
import { type IkeSa, spisOf } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { EapConversation } from './eap-state.ts';

/** Most IKE_AUTH exchanges of one conversation: EAP-TLS with long chains takes some twenty, and ten have to be possible.
 * @see RFC 7296 §2.16
 */
export const MAX_EAP_EXCHANGES = 72;
/** The end of a conversation, whatever it consists of. */
export const EAP_TIMEOUT_MS = 120_000;
/** Largest packet of a peer that is handed on, and largest of the driver that is sent. */
const MAX_EAP_BYTES = 16_384;

/** Begins a conversation. */
export function openEap(
  context: EndpointContext,
  session: IkeSession,
  start: Pick<EapConversation, 'role' | 'idr' | 'isOnlyProof'>,
): EapConversation {
  endEap(context, session);
  const conversation: EapConversation = {
    ...start,
    // Our SPI of the IKE SA is nobody else's, and another one at each attempt.
    id: session.localSpi,
    until: addMs(context.now, EAP_TIMEOUT_MS),
    exchanges: 0,
    isHeld: false,
    result: undefined,
  };
  session.eap = conversation;
  return conversation;
}

/** Hands a packet of the other end to the driver. @returns the id of the request; `undefined` when the conversation is too long. */
export function askEapStep(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  conversation: EapConversation,
  packet: Uint8Array | undefined,
): number | undefined {
  const { connection, localIdentity, remoteIdentity } = session;
  const isOver = conversation.exchanges >= MAX_EAP_EXCHANGES || context.now >= conversation.until;
  const isTooLong = packet !== undefined && packet.length > MAX_EAP_BYTES;
  if (!connection || !localIdentity || !remoteIdentity || isOver || isTooLong) return undefined;
  conversation.exchanges += 1;
  conversation.isHeld = true;
  awaitProof(context, session);
  return ask(context, session, {
    kind: 'eap-step',
    connection: connection.name,
    local: localIdentity,
    remote: remoteIdentity,
    role: conversation.role,
    conversation: conversation.id,
    packet: packet?.slice(),
    isOnlyProof: conversation.isOnlyProof,
    isReauthentication: session.takesOver !== undefined,
    spis: spisOf(sa),
  });
}

/** Reads the driver's answer. Work that failed, and a packet that cannot be sent, is a failure of the conversation. */
export function readEapProgress(
  context: EndpointContext,
  session: IkeSession,
  conversation: EapConversation,
  answer: Answer,
): EapProgress {
  endProofTimer(context, session);
  if (answer.kind !== 'eap-step') {
    return { kind: 'failure', detail: answerReason(answer) };
  }
  const { progress } = answer;
  if (progress.packet && !isEapPacket(progress.packet)) {
    return { kind: 'failure', detail: 'our EAP method made a packet that is none' };
  }
  if (progress.kind === 'continue') return progress;
  conversation.isHeld = false;
  if (progress.kind === 'failure') return progress;
  // RFC 5998 §3: both MUST verify that the method was mutual and made a key.
  if (conversation.isOnlyProof && !(progress.isMutual && progress.msk)) {
    return { kind: 'failure', detail: NOT_FIT };
  }
  conversation.result = { msk: progress.msk };
  return progress;
}

/** Ends a conversation: its key is erased, and the driver lets go of it. */
export function endEap(context: EndpointContext, session: IkeSession): void {
  const { eap } = session;
  session.eap = undefined;
  if (!eap) return;
  eap.result?.msk?.erase();
  if (eap.isHeld) context.outputs.push({ kind: 'end-eap', conversation: eap.id });
}

const NOT_FIT =
  'the EAP method proves not both sides or makes no key, so that it cannot stand alone (RFC 5998 §4)';

function isEapPacket(packet: Uint8Array): boolean {
  const saysBytes = ((packet[2] ?? 0) << 8) | (packet[3] ?? 0);
  return packet.length >= 4 && packet.length <= MAX_EAP_BYTES && saysBytes === packet.length;
}
