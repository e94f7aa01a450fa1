import type { Identity } from '@ipsec-kit/auth';
import {
  ConfigType,
  findNotify,
  type IdPayload,
  NotifyType,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import { chooseConnection } from '../endpoint/connection-choice.ts';
import { ask, type EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer, Lease } from '../endpoint-io.ts';
import {
  malformedFromPeer,
  noConnectionForIdentities,
  noSecret,
  peerIsHere,
  peerNotAuthentic,
} from '../errors/failures.ts';
import type { ProtocolError } from '../errors/wire-answer.ts';
import { takeForOwn } from '../loss/take-for-own.ts';
import { mobikeNotifies, readMobike } from '../mobike/begin-mobike.ts';
import { requestedAddresses } from '../negotiate/config-payload.ts';
import { findPayload } from '../payloads/find-payload.ts';
import { giveWay } from '../reauth/give-way.ts';
import { putOff } from '../reauth/put-off.ts';
import { closeIfUnwanted, recognizeReauthentication } from '../reauth/recognize-reauth.ts';
import { waitsItsTurn } from '../reauth/turns.ts';
import { releaseHalfOpen } from '../session/close-session.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { type AuthRequest, moveTo, type StateOf } from '../session/session-state.ts';
import { admitPeer } from '../unique/uniqueness.ts';
import { proveIdentity, verifyProof } from './auth-proof.ts';
import { openFirstChildAsResponder } from './first-child-responder.ts';
import { refuseAuth } from './refuse-auth.ts';

/** The IKE_AUTH request, decrypted: finds the connection by both identities, and asks for their secret.
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
  if (!findPayload(payloads, 'AUTH')) {
    const detail =
      'it sent no AUTH, so it wants EAP, which is not supported here; set it to a pre-shared key';
    refuseAuth(context, session, sa, FAILED, peerNotAuthentic(remoteIdentity, detail));
    return;
  }
  const idr = findPayload(payloads, 'IDr');
  const wanted = idr && copyIdentity(idr);
  const chosen = chooseConnection(
    context.connections,
    session.path,
    sa.suite.transforms,
    remoteIdentity,
    wanted,
  );
  if (!chosen) {
    refuseAuth(context, session, sa, FAILED, noConnectionForIdentities(remoteIdentity, wanted));
    return;
  }
  const { connection, localIdentity } = chosen;
  session.connection = connection;
  if (connection.childless === 'never' && !findPayload(payloads, 'SA')) {
    const failure = malformedFromPeer('IKE_AUTH request', 'it has no SA');
    refuseAuth(context, session, sa, { code: 'missing-payload', payload: 'SA' }, failure);
    return;
  }
  session.localIdentity = localIdentity;
  const { transcript } = state;
  const requestId = ask(context, session, {
    kind: 'shared-secret',
    connection: connection.name,
    local: localIdentity,
    remote: remoteIdentity,
  });
  moveTo(session, 'awaiting-auth-request', {
    kind: 'finding-secret',
    requestId,
    request: { payloads, connection, localIdentity, remoteIdentity, transcript },
  });
}

/** What an IKE_AUTH request lacks: all three payloads of the Child SA may be missing, but not some of them. @see RFC 6023 §5 */
function missingPayload(payloads: readonly Payload[]): 'IDi' | 'SA' | 'TSi' | 'TSr' | undefined {
  const ofChild = ['SA', 'TSi', 'TSr'] as const;
  const isChildless = ofChild.every((type) => !findPayload(payloads, type));
  const needed = isChildless ? (['IDi'] as const) : (['IDi', ...ofChild] as const);
  return needed.find((type) => !findPayload(payloads, type));
}

/** The secret of both identities is there: verifies the peer, and goes on to addresses and the first Child SA. */
export function onSecret(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'finding-secret'>,
  answer: Answer,
): void {
  const { sa } = session;
  const { request } = state;
  const { payloads, localIdentity, remoteIdentity, transcript } = request;
  const secret = answer.kind === 'shared-secret' ? answer.secret : undefined;
  const idi = findPayload(payloads, 'IDi');
  const auth = findPayload(payloads, 'AUTH');
  if (!sa || !idi || !auth) return;
  if (!secret) {
    const notify = NotifyType.AUTHENTICATION_FAILED;
    const failure = { ...noSecret(localIdentity, remoteIdentity, answer), notify };
    refuseAuth(context, session, sa, FAILED, failure);
    return;
  }
  if (!verifyProof(context.crypto, sa, transcript, idi, secret, auth)) {
    const detail =
      'its AUTH does not match the pre-shared key that we have for it; give both sides the same secret';
    refuseAuth(context, session, sa, FAILED, peerNotAuthentic(remoteIdentity, detail));
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
  const idr: IdPayload = { type: 'IDr', ...localIdentity };
  const proof = proveIdentity(context.crypto, sa, transcript, idr, secret);
  const authPayloads: Payload[] = [idr, proof];
  // The peer may move the SAs only when both have announced it. @see RFC 4555 §3.2
  readMobike(session, payloads);
  if (session.addressUpdates) authPayloads.push(...mobikeNotifies(context, session));
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
  moveTo(session, 'finding-secret', {
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
