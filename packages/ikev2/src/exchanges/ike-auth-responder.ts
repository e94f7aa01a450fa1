import type { Identity } from '@ipsec-kit/auth';
import {
  ConfigType,
  findNotify,
  type IdPayload,
  NotifyType,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import { type ChosenConnection, chooseConnections } from '../endpoint/connection-choice.ts';
import { ask, type EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer, Lease } from '../endpoint-io.ts';
import {
  malformedFromPeer,
  noConnectionForIdentities,
  peerIsHere,
  peerNotAuthentic,
} from '../errors/failures.ts';
import type { ProtocolError } from '../errors/wire-answer.ts';
import type { SessionFailure } from '../events.ts';
import { takeForOwn } from '../loss/take-for-own.ts';
import { mobikeNotifies, readMobike } from '../mobike/begin-mobike.ts';
import { requestedAddresses } from '../negotiate/config-payload.ts';
import { findPayload } from '../payloads/find-payload.ts';
import { askOwnProof, type OwnClaim, readOwnProof, sharesSecret } from '../proof/own-proof.ts';
import { askPeerProof, judgePeerProof, takesProof, wrongKindOfProof } from '../proof/peer-proof.ts';
import { readPeerWishes } from '../proof/peer-wishes.ts';
import { authLifetimeNotifies } from '../reauth/auth-lifetime.ts';
import { giveWay } from '../reauth/give-way.ts';
import { putOff } from '../reauth/put-off.ts';
import { closeIfUnwanted, recognizeReauthentication } from '../reauth/recognize-reauth.ts';
import { waitsItsTurn } from '../reauth/turns.ts';
import { releaseHalfOpen } from '../session/close-session.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { type AuthRequest, moveTo, type StateOf } from '../session/session-state.ts';
import { admitPeer } from '../unique/uniqueness.ts';
import { openFirstChildAsResponder } from './first-child-responder.ts';
import { refuseAuth } from './refuse-auth.ts';

/** Connections that are tried when the peer did not prove itself for the one that fits best. */
const MAX_OTHER_CONNECTIONS = 3;

/** The IKE_AUTH request, decrypted: finds the connection by both identities, and asks for what it takes to check the peer's.
 * @see RFC 7296 §1.2, §2.15, §2.21.2
 */
export function onAuthRequest(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'awaiting-auth-request'>,
  sa: IkeSa,
  payloads: readonly Payload[],
): void {
  const idi = findPayload(payloads, 'IDi');
  const missing = missingPayload(payloads);
  if (!idi || missing) {
    const failure = malformedFromPeer('IKE_AUTH request', `it has no ${missing ?? 'IDi'}`);
    refuseAuth(
      context,
      session,
      sa,
      { code: 'missing-payload', payload: missing ?? 'IDi' },
      failure,
    );
    return;
  }
  const remoteIdentity = copyIdentity(idi);
  session.remoteIdentity = remoteIdentity;
  const auth = findPayload(payloads, 'AUTH');
  if (!auth) {
    const detail =
      'it sent no AUTH, so it wants EAP, which is not supported here; set it to a certificate or a pre-shared key';
    refuseAuth(context, session, sa, FAILED, peerNotAuthentic(remoteIdentity, detail));
    return;
  }
  const idr = findPayload(payloads, 'IDr');
  const wanted = idr && copyIdentity(idr);
  const fitting = chooseConnections(
    context.connections,
    session.path,
    sa.suite.transforms,
    remoteIdentity,
    wanted,
  );
  const chosen = fitting.filter(({ connection }) => takesProof(connection, auth));
  const [first] = fitting;
  if (chosen.length === 0) {
    const failure = first
      ? wrongKindOfProof(first.connection, remoteIdentity, auth)
      : noConnectionForIdentities(remoteIdentity, wanted);
    refuseAuth(context, session, sa, FAILED, failure);
    return;
  }
  const { certificateRequests } = readPeerWishes(payloads);
  session.peerWishes = { ...session.peerWishes, certificateRequests };
  const { transcript } = state;
  checkInitiator(context, session, sa, { payloads, remoteIdentity, transcript }, chosen);
}

/** Asks for what it takes to check the peer for the first of these connections. */
function checkInitiator(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  request: Pick<AuthRequest, 'payloads' | 'remoteIdentity' | 'transcript'>,
  [chosen, ...others]: readonly ChosenConnection[],
  refusal?: SessionFailure,
): void {
  const { payloads, transcript } = request;
  const id = findPayload(payloads, 'IDi');
  const auth = findPayload(payloads, 'AUTH');
  if (!chosen || !id || !auth) return;
  const { connection, localIdentity } = chosen;
  session.connection = connection;
  if (connection.childless === 'never' && !findPayload(payloads, 'SA')) {
    const failure = malformedFromPeer('IKE_AUTH request', 'it has no SA');
    refuseAuth(context, session, sa, { code: 'missing-payload', payload: 'SA' }, failure);
    return;
  }
  session.localIdentity = localIdentity;
  const claim = { connection, local: localIdentity, transcript, id, auth, payloads };
  const next = {
    kind: 'checking-initiator-proof',
    requestId: askPeerProof(context, session, sa, claim),
    request: { ...request, connection, localIdentity },
    others: others.slice(0, MAX_OTHER_CONNECTIONS),
    refusal,
  } as const;
  const { kind } = session.state;
  if (kind === 'awaiting-auth-request') moveTo(session, kind, next);
  else if (kind === 'checking-initiator-proof') moveTo(session, kind, next);
}

/** What an IKE_AUTH request lacks: all three payloads of the Child SA may be missing, but not some of them. @see RFC 6023 §5 */
function missingPayload(payloads: readonly Payload[]): 'IDi' | 'SA' | 'TSi' | 'TSr' | undefined {
  const ofChild = ['SA', 'TSi', 'TSr'] as const;
  const isChildless = ofChild.every((type) => !findPayload(payloads, type));
  const needed = isChildless ? (['IDi'] as const) : (['IDi', ...ofChild] as const);
  return needed.find((type) => !findPayload(payloads, type));
}

/** What it takes to check the peer is there: goes on with our own proof. Where it has not proven itself, and another connection has
 * other demands of the same kind, with that one.
 */
export function onInitiatorProof(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'checking-initiator-proof'>,
  answer: Answer,
): void {
  const { sa } = session;
  const { request, others, refusal } = state;
  const { payloads, connection, localIdentity, transcript } = request;
  const id = findPayload(payloads, 'IDi');
  const auth = findPayload(payloads, 'AUTH');
  if (!sa || !id || !auth) return;
  const peer = { connection, local: localIdentity, transcript, id, auth, payloads };
  const failure = judgePeerProof(context, session, sa, peer, answer);
  if (failure && others.length > 0 && connection.remoteAuthentication?.kind === 'signature') {
    checkInitiator(context, session, sa, request, others, refusal ?? failure);
    return;
  }
  if (failure) {
    const notify = NotifyType.AUTHENTICATION_FAILED;
    refuseAuth(context, session, sa, FAILED, { ...(refusal ?? failure), notify });
    return;
  }
  const isKnown = sharesSecret(connection);
  const own = ownClaim(request);
  const requestId = isKnown ? undefined : askOwnProof(context, session, sa, own);
  const making = { kind: 'making-response-proof', requestId, request } as const;
  moveTo(session, 'checking-initiator-proof', making);
  if (isKnown) onResponseProof(context, session, making, answer);
}

function ownClaim({
  connection,
  localIdentity,
  remoteIdentity,
  transcript,
}: AuthRequest): OwnClaim {
  const id: IdPayload = { type: 'IDr', ...localIdentity };
  return { connection, id, remote: remoteIdentity, transcript };
}

/** The peer is authentic, and what proves who we are is there: goes on to addresses and the first Child SA. */
export function onResponseProof(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'making-response-proof'>,
  answer: Answer,
): void {
  const { sa } = session;
  const { request } = state;
  const { payloads, remoteIdentity } = request;
  if (!sa) return;
  const own = ownClaim(request);
  const proof = readOwnProof(context, session, sa, own, answer);
  if (!proof.ok) {
    const notify = NotifyType.AUTHENTICATION_FAILED;
    refuseAuth(context, session, sa, FAILED, { ...proof.failure, notify });
    return;
  }
  releaseHalfOpen(context, session);
  const isInitialContact = findNotify(payloads, NotifyType.INITIAL_CONTACT) !== undefined;
  if (!isInitialContact) {
    const old = recognizeReauthentication(context, session, payloads);
    if (old && waitsItsTurn(session, old, context.now)) {
      putOff(context, session, answer);
      return;
    }
    session.takesOver = old;
    if (old) giveWay(context, session, old);
    else closeIfUnwanted(context, session);
  }
  if (!admitPeer(context, session, isInitialContact)) {
    refuseAuth(context, session, sa, FAILED, peerIsHere(remoteIdentity));
    return;
  }
  if (!session.takesOver) takeForOwn(context, session);
  const authPayloads: Payload[] = [own.id, ...proof.payloads];
  // The peer may move the SAs only when both have announced it. @see RFC 4555 §3.2
  readMobike(session, payloads);
  if (session.addressUpdates) authPayloads.push(...mobikeNotifies(context, session));
  authPayloads.push(...authLifetimeNotifies(session));
  leaseOrOpen(context, session, sa, request, authPayloads);
}

/** Asks the pools for what the peer wants, or goes on at once when it wants nothing that we have. @see RFC 7296 §2.19 */
function leaseOrOpen(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  request: AuthRequest,
  authPayloads: readonly Payload[],
): void {
  const { connection, remoteIdentity, payloads } = request;
  const cp = findPayload(payloads, 'CP');
  const requested = cp?.configType === ConfigType.CFG_REQUEST ? requestedAddresses(cp) : [];
  if (requested.length === 0 || connection.pools.length === 0) {
    openFirstChildAsResponder(context, session, sa, request, authPayloads, undefined);
    return;
  }
  const requestId = ask(context, session, {
    kind: 'lease',
    connection: connection.name,
    pools: connection.pools,
    identity: remoteIdentity,
    requested,
  });
  moveTo(session, 'making-response-proof', {
    kind: 'leasing-addresses',
    requestId,
    request,
    authPayloads,
  });
}

/** The pools have answered. */
export function onLease(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'leasing-addresses'>,
  answer: Answer,
): void {
  const { sa } = session;
  if (!sa) return;
  const lease: Lease | undefined = answer.kind === 'lease' ? answer.lease : undefined;
  openFirstChildAsResponder(
    context,
    session,
    sa,
    state.request,
    state.authPayloads,
    lease ?? 'none-free',
  );
}

const FAILED: ProtocolError = { code: 'authentication-failed' };

function copyIdentity(payload: IdPayload): Identity {
  return { idType: payload.idType, data: payload.data.slice() };
}
