import {
  ConfigType,
  findNotify,
  type IdPayload,
  NotifyType,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import { endEap } from '../eap/eap-conversation.ts';
import { eapProof } from '../eap/eap-proof.ts';
import { ask, type EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer, Lease } from '../endpoint-work.ts';
import { peerIsHere } from '../errors/authentication-failures.ts';
import { takeForOwn } from '../loss/take-for-own.ts';
import { mobikeNotifies, readMobike } from '../mobike/begin-mobike.ts';
import { requestedAddresses } from '../negotiate/config-payload.ts';
import { findPayload } from '../payloads/find-payload.ts';
import { confirmPpk } from '../ppk/ppk-use.ts';
import { type OwnClaim, type OwnProof, readOwnProof } from '../proof/own-proof.ts';
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
import { AUTH_FAILED, refuseAuth } from './refuse-auth.ts';

/** Who we are, to the initiator of a request. */
export function ownClaim(request: AuthRequest): OwnClaim {
  const { connection, localIdentity, remoteIdentity, transcript } = request;
  const id: IdPayload = { type: 'IDr', ...localIdentity };
  return { connection, id, remote: remoteIdentity, transcript };
}

/** The peer is authentic, and what proves who we are is there: goes on to addresses and the first Child SA.
 * @param answer - the driver's for our proof; after EAP there is none, since its key is in our hands.
 */
export function onResponseProof(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'making-response-proof'>,
  answer: Answer | undefined,
): void {
  const { sa } = session;
  const { request } = state;
  const { payloads, remoteIdentity } = request;
  const proof = sa && ourProof(context, session, sa, request, answer);
  if (!sa || !proof) return;
  if (!proof.ok) {
    const notify = NotifyType.AUTHENTICATION_FAILED;
    refuseAuth(context, session, sa, AUTH_FAILED, { ...proof.failure, notify });
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
    refuseAuth(context, session, sa, AUTH_FAILED, peerIsHere(remoteIdentity));
    return;
  }
  if (!session.takesOver) takeForOwn(context, session);
  endEap(context, session);
  const authPayloads: Payload[] = [...proof.payloads];
  // The peer may move the SAs only when both have announced it. @see RFC 4555 §3.2
  readMobike(session, payloads);
  if (session.addressUpdates) authPayloads.push(...mobikeNotifies(context, session));
  authPayloads.push(...authLifetimeNotifies(session), ...confirmPpk(session));
  leaseOrOpen(context, session, sa, request, authPayloads);
}

/** IDr and what proves it; after EAP only the AUTH payload, since IDr has gone before. @see RFC 7296 §2.16 */
function ourProof(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  request: AuthRequest,
  answer: Answer | undefined,
): OwnProof | undefined {
  const { eap } = session;
  if (eap?.result) {
    const payloads = [eapProof(context, sa, request.transcript, eap, eap.idr)];
    return { ok: true, payloads, hasMore: false };
  }
  const own = ownClaim(request);
  const proof = answer && readOwnProof(context, session, sa, own, answer);
  return proof?.ok ? { ...proof, payloads: [own.id, ...proof.payloads] } : proof;
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
  // RFC 7296 §2.16: access control goes by the identity that EAP has proven.
  const identity = session.eapIdentity ?? remoteIdentity;
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
    identity,
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
