import { addMs, msBetween } from '@ipsec-kit/clock';
import {
  ExchangeType,
  exchangeTypeName,
  findNotify,
  type IkeHeader,
  NotifyType,
  notify,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import { isOverProbe } from '../binding/binding-probe.ts';
import { onMappingSeen } from '../binding/discover-binding.ts';
import { onFirstUse } from '../child/activate-child.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { reject } from '../endpoint/unprotected-answers.ts';
import { eapLeft } from '../errors/eap-failures.ts';
import { DELETED_BY_PEER } from '../errors/endings.ts';
import { criticalPayloadFromPeer, malformedFromPeer, otherNotify } from '../errors/failures.ts';
import { type ProtocolError, wireAnswer } from '../errors/wire-answer.ts';
import type { SessionFailure } from '../events.ts';
import { tellMover } from '../mobike/perform-moves.ts';
import { noteShown } from '../mobike/verified-address.ts';
import { observeMapping } from '../nat/observe-mapping.ts';
import { checkLiveness } from '../procedures/check-liveness.ts';
import { endAfterAuthFailure, endWithDelete } from '../procedures/request-end.ts';
import { onProcedureResponse, runNext } from '../procedures/run-procedures.ts';
import { onHeardAgain } from '../reauth/second-try.ts';
import { endSession } from '../session/close-session.ts';
import { watchMessageIds } from '../session/expire-ike.ts';
import { followPeer } from '../session/follow-peer.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { narrateReceived } from '../session/narrate.ts';
import { noteExchangeEnded, noteTraffic } from '../session/note-liveness.ts';
import {
  type OpenedMessage,
  openDatagram,
  type ReceivedDatagram,
} from '../session/receive-protected.ts';
import { repeatUnanswered } from '../session/repeat-request.ts';
import { armRetransmission, sendResponse } from '../session/send-message.ts';
import { onCreateChildRequest } from './create-child-responder.ts';
import { dropInitiation } from './drop-exchanges.ts';
import { onEapAuthRequest } from './eap-responder.ts';
import { onFollowUpRequest } from './follow-up-responder.ts';
import { onAuthResponse } from './ike-auth-initiator.ts';
import { onAuthRequest } from './ike-auth-responder.ts';
import { onInformationalRequest } from './informational.ts';
import { onIntermediateResponse } from './intermediate-initiator.ts';
import { onIntermediateRequest } from './intermediate-responder.ts';
import { onReplacedMessage } from './replaced-message.ts';

/** Least time between two liveness checks that an unprotected message provokes. @see RFC 7296 §2.21.4 (SHOULD limit) */
const LIVENESS_HINT_INTERVAL_MS = 30_000;

/** A datagram under the SPIs of a keyed IKE SA. */
export function onProtectedDatagram(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  received: ReceivedDatagram,
): void {
  // Whoever it is delegated to answers, or has it taken back first.
  if (session.delegated) return;
  // A host that has moved and stays answers only where it is now. RFC 4555 §3.6
  if (!received.header.isResponse && !answersAt(session, received.path)) return;
  const opened = openDatagram(context, session, sa, received);
  // A session that has ended answers retransmissions, which `openDatagram` did, and nothing else.
  if (!opened || session.state.kind === 'lingering') return;
  if (!isOverProbe(session, received.path)) noteTraffic(context, session, { inIke: context.now });
  onHeardAgain(context, session);
  if (sa !== session.sa) {
    session.lastInboundAt = context.now;
    narrate(context, session, received, opened, undefined);
    onReplacedMessage(context, session, sa, received, opened);
  } else {
    const isFirst = session.peerUse === 'none';
    if (received.header.isResponse) onResponse(context, session, sa, received, opened);
    else onRequest(context, session, sa, received, opened);
    if (isFirst && session.peerUse !== 'none') onFirstUse(context, session);
    watchMessageIds(context, session);
  }
  repeatUnanswered(context, session);
  // What waited may go now: the peer's request may have ended what was running.
  runNext(context, session);
}

/** An unprotected notification for an IKE SA, such as INVALID_IKE_SPI of a peer that has restarted: it changes nothing,
 * but is a hint to ask whether the peer is still there. @see RFC 7296 §2.21.4, §2.4
 */
export function onUnprotectedHint(context: EndpointContext, session: IkeSession): void {
  const last = session.lastLivenessHintAt;
  if (session.state.kind !== 'established') return;
  if (last !== undefined && context.now < addMs(last, LIVENESS_HINT_INTERVAL_MS)) return;
  session.lastLivenessHintAt = context.now;
  if (isDeletedUnheard(session)) endSession(context, session, DELETED_BY_PEER);
  else checkLiveness(context, session, 'hint');
}

/** The peer has deleted what its own rekey has made of an IKE SA that a reauthentication has replaced. That may have lost against ours;
 * but a peer that does not know the old one either has deleted that as well, and we have not heard it. Whoever forges the
 * hint ends nothing that is still wanted. @see RFC 7296 §2.8.2
 */
function isDeletedUnheard({ initiation, takenOverBy }: IkeSession): boolean {
  if (takenOverBy?.state.kind !== 'established') return false;
  return initiation?.kind === 'awaiting-ike-response' && initiation.deletedRival !== undefined;
}

function answersAt({ responderMove }: IkeSession, { local }: Path): boolean {
  return responderMove?.answersAt(local.address) ?? true;
}

/** An answer to any request but an update, which its procedure tells of, shows that the peer is there, where it came on a path
 * of the session. @see RFC 4555 §3.10 */
function onPathHeard(context: EndpointContext, session: IkeSession, path: Path): void {
  if (session.running?.procedure.kind === 'update-addresses' || isOverProbe(session, path)) return;
  tellMover(context, session, { kind: 'answered', path });
}

function onRequest(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  received: ReceivedDatagram,
  opened: OpenedMessage,
): void {
  const { header, path, marker } = received;
  const { kind } = session.state;
  const isAuthenticated = kind === 'established' || kind === 'ending';
  const awaitsAuth = kind === 'awaiting-auth-request' || kind === 'awaiting-eap-response';
  const isAuth =
    (awaitsAuth && header.exchangeType === ExchangeType.IKE_AUTH) ||
    (kind === 'awaiting-intermediate-request' &&
      header.exchangeType === ExchangeType.IKE_INTERMEDIATE);
  const isEnd = kind === 'awaiting-eap-response' && isEndOfAuth(header, opened);
  // Not yet ready for this request: as if it had not come, so that its retransmission finds us ready.
  if (!isAuthenticated && !isAuth && !isEnd) return;
  sa.responses.begin(header.messageId);
  session.lastInboundAt = context.now;
  if (isAuthenticated) session.peerUse = session.peerUse === 'none' ? 'asked' : 'heard';
  noteShown(session, path);
  followPeer(context, session, path, marker, 'ike');
  narrate(context, session, received, opened, undefined);
  const error = opened.error ?? unknownExchange(header.exchangeType, isAuthenticated);
  if (error) {
    refuse(context, session, sa, received, error, isAuthenticated);
    return;
  }
  const { state } = session;
  const { messageId, exchangeType } = header;
  const request = { sa, exchangeType, messageId, path, marker };
  if (state.kind === 'awaiting-intermediate-request') {
    onIntermediateRequest(context, session, state, sa, opened);
  } else if (state.kind === 'awaiting-auth-request') {
    onAuthRequest(context, session, state, sa, opened.payloads);
  } else if (isEnd) {
    sendResponse(context, session, sa, header, [], { path, marker });
    endSession(context, session, eapLeft(session.remoteIdentity), true);
  } else if (state.kind === 'awaiting-eap-response') {
    onEapAuthRequest(context, session, state, sa, opened.payloads);
  } else if (exchangeType === ExchangeType.CREATE_CHILD_SA) {
    const failure = onCreateChildRequest(context, session, request, opened.payloads);
    if (failure) refuse(context, session, sa, received, failure, true);
  } else if (exchangeType === ExchangeType.IKE_FOLLOWUP_KE) {
    const failure = onFollowUpRequest(context, session, request, opened.payloads);
    if (failure) refuse(context, session, sa, received, failure, true);
  } else {
    onInformationalRequest(context, session, sa, messageId, opened.payloads, received);
  }
}

/** Whether an initiator that is not authenticated yet ends the IKE SA: it does not believe us, or is closed. @see RFC 7296 §2.21.2 */
function isEndOfAuth({ exchangeType }: IkeHeader, { payloads, error }: OpenedMessage): boolean {
  if (exchangeType !== ExchangeType.INFORMATIONAL || error) return false;
  const isRefusal = findNotify(payloads, NotifyType.AUTHENTICATION_FAILED) !== undefined;
  return isRefusal || payloads.some(({ type }) => type === 'D');
}

const AUTHENTICATED_EXCHANGES: ReadonlySet<number> = new Set([
  ExchangeType.INFORMATIONAL,
  ExchangeType.CREATE_CHILD_SA,
  ExchangeType.IKE_FOLLOWUP_KE,
]);

function unknownExchange(
  exchangeType: number,
  isAuthenticated: boolean,
): ProtocolError | undefined {
  if (!isAuthenticated) return undefined;
  return AUTHENTICATED_EXCHANGES.has(exchangeType) ? undefined : { code: 'unknown-exchange' };
}

/** Answers a request with an error, and ends the IKE SA where the error does. @see RFC 7296 §2.21.2, §2.21.3 */
function refuse(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  { header, path, marker }: ReceivedDatagram,
  error: ProtocolError,
  isAuthenticated: boolean,
): void {
  const answer = wireAnswer(error, isAuthenticated);
  const payloads = answer.kind === 'notify' ? [notify(answer.notify, answer.data)] : [];
  sendResponse(context, session, sa, header, payloads, { path, marker });
  if (answer.kind === 'notify' && answer.endsIkeSa)
    endSession(context, session, failureOf(error, 'request'), true);
}

function onResponse(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  received: ReceivedDatagram,
  opened: OpenedMessage,
): void {
  const { messageId, exchangeType } = received.header;
  if (session.outstanding?.exchange !== exchangeTypeName(exchangeType)) {
    reject(context, received.path, 'response of another exchange than the request');
    return;
  }
  const request = sa.requests.acknowledge(messageId);
  if (!request) return;
  session.outstanding = undefined;
  armRetransmission(context, session);
  session.lastInboundAt = context.now;
  if (session.state.kind === 'established') session.peerUse = 'heard';
  narrate(context, session, received, opened, msBetween(request.firstSentAt, context.now));
  // What the peer says of a scratch port is about that alone.
  const isProbe = session.running?.procedure.kind === 'probe-binding';
  const verdict = isProbe
    ? undefined
    : observeMapping(context, session, sa, received.path, opened.payloads);
  if (verdict !== undefined) onMappingSeen(context, session, verdict);
  noteExchangeEnded(context, session, {
    ...(verdict === undefined ? {} : { verdict }),
    // Of one that was sent again it is not known which of the two was answered.
    ...(request.transmissions === 1
      ? { roundTripMs: msBetween(request.firstSentAt, context.now) }
      : {}),
  });
  const { state } = session;
  if (opened.error) {
    onBadResponse(context, session, opened.error);
  } else if (state.kind === 'awaiting-intermediate-response') {
    onIntermediateResponse(context, session, state, opened);
  } else if (state.kind === 'awaiting-auth-response') {
    onAuthResponse(context, session, state, opened.payloads);
  } else if (findNotify(opened.payloads, NotifyType.INVALID_SYNTAX)) {
    // RFC 7296 §2.21.3: fatal in both peers, without a Delete payload.
    endSession(context, session, otherNotify(NotifyType.INVALID_SYNTAX, 'our request'));
  } else {
    onPathHeard(context, session, received.path);
    onProcedureResponse(context, session, messageId, opened.payloads, received.path);
  }
}

/** A response that is authentic and cannot be understood: the IKE SA is cleaned up on both sides. @see RFC 7296 §2.21 */
function onBadResponse(context: EndpointContext, session: IkeSession, error: ProtocolError): void {
  const failure = failureOf(error, 'response');
  session.running = undefined;
  dropInitiation(context, session);
  switch (session.state.kind) {
    case 'awaiting-auth-response':
      endAfterAuthFailure(context, session, failure);
      return;
    case 'established':
      endWithDelete(context, session, failure);
      return;
    default:
      endSession(context, session, failure);
  }
}

function failureOf(error: ProtocolError, what: string): SessionFailure {
  if (error.code === 'unsupported-critical-payload') {
    return criticalPayloadFromPeer(error.payloadType);
  }
  return malformedFromPeer(what, error.code === 'malformed' ? error.decode : error.code);
}

function narrate(
  context: EndpointContext,
  session: IkeSession,
  received: ReceivedDatagram,
  opened: OpenedMessage,
  roundTripMs: number | undefined,
): void {
  const payloads: readonly Payload[] = opened.payloads;
  narrateReceived(context, session, {
    header: received.header,
    payloads,
    bytes: opened.bytes,
    path: received.path,
    fragments: opened.fragments,
    retransmission: false,
    ...(roundTripMs === undefined ? {} : { roundTripMs }),
  });
}
