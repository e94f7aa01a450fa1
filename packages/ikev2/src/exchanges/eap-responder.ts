import { identitiesEqual, matchIdentity } from '@ipsec-kit/auth';
import { addMs } from '@ipsec-kit/clock';
import { findNotify, NotifyType, type Payload } from '@ipsec-kit/ikev2-codec';
import type { ConnectionConfig } from '../config.ts';
import { askEapStep, openEap, readEapProgress } from '../eap/eap-conversation.ts';
import { eapIdentityOf, isNameOf } from '../eap/eap-identity.ts';
import { isEapProof } from '../eap/eap-proof.ts';
import type { EapConversation } from '../eap/eap-state.ts';
import type { ChosenConnection } from '../endpoint/connection-choice.ts';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import type { Answer, EapProgress } from '../endpoint-work.ts';
import { peerNotAuthentic, wrongProof } from '../errors/authentication-failures.ts';
import {
  EAP_TOO_LONG,
  eapNotConfigured,
  noConnectionForUser,
  WRONG_EAP_KEY,
} from '../errors/eap-failures.ts';
import { malformedFromPeer } from '../errors/failures.ts';
import { findPayload } from '../payloads/find-payload.ts';
import { choosePpk } from '../ppk/choose-ppk.ts';
import { askOwnProof, readOwnProof } from '../proof/own-proof.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { type AuthRequest, moveTo, type StateOf } from '../session/session-state.ts';
import { onResponseProof, ownClaim } from './admit-initiator.ts';
import { AUTH_FAILED, isRefusedWithoutChild, refuseAuth, sendAuthResponse } from './refuse-auth.ts';

/** Other connections that a peer may turn out to belong to. */
const MAX_OTHER_CONNECTIONS = 31;

/** An initiator has said who it is and left AUTH out: proves who we are, and lets the driver begin the conversation.
 * @param fitting - the connections for its identities, the best first.
 * @see RFC 7296 §2.16, RFC 5998 §3
 */
export function beginEapAsResponder(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  start: Pick<AuthRequest, 'payloads' | 'remoteIdentity' | 'transcript'>,
  fitting: readonly [ChosenConnection, ...ChosenConnection[]],
): void {
  const { payloads, remoteIdentity } = start;
  const isEapOnly = findNotify(payloads, NotifyType.EAP_ONLY_AUTHENTICATION) !== undefined;
  const taking = fitting.filter(
    ({ connection }) => connection.remoteAuthentication?.kind === 'eap',
  );
  const [chosen, ...others] = taking.filter(
    ({ connection }) => isEapOnly || connection.localAuthentication?.kind !== 'eap',
  );
  if (!chosen) {
    const [{ connection }] = taking[0] ? [taking[0]] : fitting;
    const failure = eapNotConfigured(remoteIdentity, connection, taking.length > 0);
    refuseAuth(context, session, sa, AUTH_FAILED, failure);
    return;
  }
  const { connection, localIdentity } = chosen;
  session.connection = connection;
  if (isRefusedWithoutChild(context, session, sa, connection, payloads)) return;
  session.localIdentity = localIdentity;
  const request: AuthRequest = { ...start, connection, localIdentity };
  const own = ownClaim(request);
  const isOnlyProof = connection.localAuthentication?.kind === 'eap';
  openEap(context, session, { role: 'authenticator', idr: own.id, isOnlyProof });
  const waiting = { request, others: others.slice(0, MAX_OTHER_CONNECTIONS) };
  if (isOnlyProof) {
    makeRequest(context, session, sa, waiting, undefined, [own.id]);
    return;
  }
  const requestId = askOwnProof(context, session, sa, own);
  moveTo(session, 'awaiting-auth-request', { kind: 'proving-before-eap', requestId, ...waiting });
}

/** What proves who we are is there: it goes into the response with the first EAP packet. */
export function onProofBeforeEap(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'proving-before-eap'>,
  answer: Answer,
): void {
  const { sa } = session;
  const { request, others } = state;
  if (!sa) return;
  const own = ownClaim(request);
  const proof = readOwnProof(context, session, sa, own, answer);
  if (!proof.ok) {
    const notify = NotifyType.AUTHENTICATION_FAILED;
    refuseAuth(context, session, sa, AUTH_FAILED, { ...proof.failure, notify });
    return;
  }
  makeRequest(context, session, sa, { request, others }, undefined, [own.id, ...proof.payloads]);
}

/** The next IKE_AUTH request: with a packet for the conversation or, once that has succeeded, with AUTH.
 * @see RFC 7296 §2.16 (the AUTH payloads follow the message with EAP-Success)
 */
export function onEapAuthRequest(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'awaiting-eap-response'>,
  sa: IkeSa,
  payloads: readonly Payload[],
): void {
  const { eap } = session;
  const { request, others } = state;
  if (!eap) return;
  const wanted = eap.result ? 'AUTH' : 'EAP';
  const found = findPayload(payloads, wanted);
  if (found?.type === 'EAP') {
    makeRequest(context, session, sa, { request, others }, found.data, []);
    return;
  }
  const id = findPayload(request.payloads, 'IDi');
  if (!found || !id || found.type !== 'AUTH') {
    const failure = malformedFromPeer('IKE_AUTH request', `it has no ${wanted}`);
    refuseAuth(context, session, sa, { code: 'missing-payload', payload: wanted }, failure);
    return;
  }
  const choice = choosePpk(context, session, sa, payloads, [request]);
  const auth = choice.ok ? findPayload(choice.payloads, 'AUTH') : undefined;
  if (!choice.ok || !auth) {
    const detail = choice.ok ? WRONG_EAP_KEY : choice.detail;
    const failure = peerNotAuthentic(request.remoteIdentity, detail);
    refuseAuth(context, session, sa, AUTH_FAILED, failure);
    return;
  }
  if (!isEapProof(context, choice.sa, request.transcript, eap, id, auth)) {
    const failure = wrongProof(request.remoteIdentity, WRONG_EAP_KEY, session.ppk === 'used');
    refuseAuth(context, session, choice.sa, AUTH_FAILED, failure);
    return;
  }
  const making = { kind: 'making-response-proof', requestId: undefined, request } as const;
  moveTo(session, 'awaiting-eap-response', making);
  onResponseProof(context, session, making, undefined);
}

type Waiting = Pick<StateOf<'making-eap-request'>, 'request' | 'others'>;

/** Asks the driver for the next packet. The peer counts as half-open meanwhile; each packet of it gives it the time for one more. */
function makeRequest(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  waiting: Waiting,
  packet: Uint8Array | undefined,
  before: readonly Payload[],
): void {
  const { eap } = session;
  const requestId = eap && askEapStep(context, session, sa, eap, packet);
  if (!eap || requestId === undefined) {
    const failure = peerNotAuthentic(waiting.request.remoteIdentity, EAP_TOO_LONG);
    refuseAuth(context, session, sa, AUTH_FAILED, failure);
    return;
  }
  armHalfOpen(context, session, eap);
  const making = { kind: 'making-eap-request', requestId, ...waiting, before } as const;
  const { kind } = session.state;
  if (kind === 'awaiting-auth-request') moveTo(session, kind, making);
  else if (kind === 'proving-before-eap') moveTo(session, kind, making);
  else if (kind === 'awaiting-eap-response') moveTo(session, kind, making);
}

function armHalfOpen(
  context: EndpointContext,
  session: IkeSession,
  { until }: EapConversation,
): void {
  const patience = addMs(context.now, context.settings.halfOpenTimeoutMs);
  setTimer(context, session, 'half-open', patience < until ? patience : until, {
    label: 'half-open IKE SA',
    toleranceMs: 1_000,
    wake: 'process',
  });
}

/** The driver has the next packet, or the end of the conversation. */
export function onEapRequestMade(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'making-eap-request'>,
  answer: Answer,
): void {
  const { sa, eap } = session;
  const { request, others, before } = state;
  if (!sa || !eap) return;
  const progress = readEapProgress(context, session, eap, answer);
  const packet = progress.packet ? [{ type: 'EAP', data: progress.packet } as const] : [];
  if (progress.kind === 'failure') {
    // RFC 7296 §2.16: EAP-Failure MUST be sent; §2.21.2: so must the notification. Why is nobody's business there.
    const failure = peerNotAuthentic(request.remoteIdentity, progress.detail);
    refuseAuth(context, session, sa, AUTH_FAILED, failure, packet);
    return;
  }
  const proven =
    progress.kind === 'success' ? provenRequest(session, request, others, progress) : request;
  if (!proven) {
    const failure = noConnectionForUser(session.eapIdentity ?? request.remoteIdentity);
    refuseAuth(context, session, sa, AUTH_FAILED, failure);
    return;
  }
  session.connection = proven.connection;
  sendAuthResponse(context, session, sa, [...before, ...packet]);
  const awaiting = { kind: 'awaiting-eap-response', request: proven, others } as const;
  moveTo(session, 'making-eap-request', awaiting);
}

/** The request with the connection that is for whom EAP has proven: policy goes by that, and not by IDi. `undefined` when none is.
 * @see RFC 7296 §2.16
 */
function provenRequest(
  session: IkeSession,
  request: AuthRequest,
  others: readonly ChosenConnection[],
  { user }: Extract<EapProgress, { readonly kind: 'success' }>,
): AuthRequest | undefined {
  const { connection, localIdentity, remoteIdentity } = request;
  const identity = user ? eapIdentityOf(user) : remoteIdentity;
  session.eapIdentity = identity;
  const first = { connection, localIdentity };
  const alike = others.filter((other) => isAlike(other, first));
  const scored = [first, ...alike].flatMap((chosen) => {
    const { remoteAuthentication } = chosen.connection;
    const pattern =
      remoteAuthentication?.kind === 'eap' ? remoteAuthentication.identity : undefined;
    const score = pattern
      ? matchIdentity(pattern, identity)
      : Number(user === undefined || isNameOf(remoteIdentity, user));
    return score === 0 ? [] : [{ chosen, score }];
  });
  const [best] = scored.toSorted((a, b) => b.score - a.score);
  return best && { ...request, connection: best.chosen.connection };
}

/** Whether the peer has met, and has proven to it, the same with either connection: the methods, and who we are. */
function isAlike(one: ChosenConnection, other: ChosenConnection): boolean {
  const [a, b] = [one.connection, other.connection];
  const kindOf = ({ localAuthentication }: ConnectionConfig) => localAuthentication?.kind ?? 'psk';
  if (kindOf(a) !== kindOf(b) || !identitiesEqual(one.localIdentity, other.localIdentity)) {
    return false;
  }
  return methodsOf(a) === methodsOf(b);
}

function methodsOf({ remoteAuthentication }: ConnectionConfig): string | undefined {
  return remoteAuthentication?.kind === 'eap' ? remoteAuthentication.methods : undefined;
}
