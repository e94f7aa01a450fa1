import {
  formatIdentity,
  formatIdentityPattern,
  type Identity,
  identitiesEqual,
  matchIdentity,
} from '@ipsec-kit/auth';
import { type KeyMaterial, TransformType } from '@ipsec-kit/crypto';
import {
  ExchangeType,
  type IdPayload,
  NotifyType,
  notify,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import {
  type ChildOffer,
  childOfferPayloads,
  firstChildConfig,
  firstChildOffer,
} from '../child/child-offer.ts';
import type { ConnectionConfig } from '../config.ts';
import {
  ask,
  type EndpointContext,
  releaseChildSpi,
  reserveChildSpi,
} from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-io.ts';
import {
  keyExchangeInvalid,
  malformedFromPeer,
  noSecret,
  otherNotify,
  ownWorkFailed,
  peerNotAuthentic,
  peerRejectedAuthentication,
} from '../errors/failures.ts';
import type { SessionFailure } from '../events.ts';
import { mobikeNotifies, readMobike } from '../mobike/begin-mobike.ts';
import { configRequest } from '../negotiate/config-payload.ts';
import { findErrorNotify, findPayload } from '../payloads/find-payload.ts';
import { endAfterAuthFailure } from '../procedures/request-end.ts';
import { firstChildName } from '../reauth/living-children.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { addressIdentity } from '../session/own-identity.ts';
import { sendRequest } from '../session/send-message.ts';
import { type AuthOffer, moveTo, type StateOf } from '../session/session-state.ts';
import type { StateKind } from '../session/states.ts';
import { proveIdentity, verifyProof } from './auth-proof.ts';
import { beginsChildless, openChildless } from './childless-initiator.ts';
import { openFirstChild } from './first-child-initiator.ts';
import { keyIkeSa } from './keyed-ike-sa.ts';

/** The shared secret is there: makes the IKE SA, moves to port 4500, and asks for the secret that proves who we are. */
export function onKeyAgreed(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'agreeing-key'>,
  answer: Answer,
): void {
  const connection = session.connection;
  if (answer.kind !== 'agree-key' || !connection) {
    const reason = answer.kind === 'failed' ? answer.reason : `unexpected answer ${answer.kind}`;
    endSession(context, session, ownWorkFailed('The key exchange', reason));
    return;
  }
  const { agreement } = answer;
  const method = state.proposal.transforms.find(({ type }) => type === TransformType.KE)?.id ?? 0;
  if (!agreement.ok) {
    endSession(context, session, keyExchangeInvalid(method, agreement.code));
    return;
  }
  const { transcript, initiatorSpi, responderSpi, proposal } = state;
  const spis = { initiatorSpi, responderSpi };
  const sa = keyIkeSa(
    context,
    session,
    spis,
    proposal.transforms,
    transcript,
    agreement.sharedSecret,
  );
  if (!sa) {
    endSession(context, session, ownWorkFailed('IKE_SA_INIT', 'an algorithm is not provided'));
    return;
  }
  // RFC 7296 §2.23: once NAT traversal is in use, IKE goes on at port 4500. We always force encapsulation.
  if (session.floatTo) {
    session.path = session.floatTo;
    session.marker = true;
  }
  const localIdentity = connection.localIdentity ?? addressIdentity(session.path.local.address);
  session.localIdentity = localIdentity;
  // Which identity the peer has is known for sure only when one is configured; its address stands in until it says.
  const secretFor =
    connection.remoteIdentity.kind === 'identity'
      ? connection.remoteIdentity.identity
      : addressIdentity(session.path.remote.address);
  const requestId = ask(context, session, {
    kind: 'shared-secret',
    connection: connection.name,
    local: localIdentity,
    remote: secretFor,
  });
  moveTo(session, 'agreeing-key', {
    kind: 'finding-own-secret',
    requestId,
    transcript,
    localIdentity,
    secretFor,
  });
}

/** Our secret is there: sends the IKE_AUTH request with the offer of the first Child SA. */
export function onOwnSecret(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'finding-own-secret'>,
  answer: Answer,
): void {
  const { connection, sa } = session;
  const secret = answer.kind === 'shared-secret' ? answer.secret : undefined;
  session.childName = firstChildName(session);
  const config = connection && firstChildConfig(connection, session.childName);
  if (!secret || !connection || !sa) {
    endSession(context, session, noSecret(state.localIdentity, state.secretFor, answer));
    return;
  }
  if (!config) {
    const name = session.childName ?? 'any';
    endSession(
      context,
      session,
      ownWorkFailed('IKE_AUTH', `connection ${connection.name} has no child "${name}"`),
    );
    return;
  }
  session.authPath = session.path;
  const childSpi = beginsChildless(session) ? undefined : reserveChildSpi(context);
  const offer: AuthOffer = {
    transcript: state.transcript,
    localIdentity: state.localIdentity,
    childSpi,
    childName: config.name,
    secret,
    secretFor: state.secretFor,
  };
  const child =
    childSpi === undefined ? undefined : firstChildOffer(session, connection, config, childSpi);
  moveTo(session, 'finding-own-secret', { kind: 'awaiting-auth-response', offer });
  const payloads = authPayloads(context, session, sa, connection, offer, child);
  // The peer may use the Child SA before its response is here.
  if (childSpi !== undefined) context.outputs.push({ kind: 'reserve-spi', spi: childSpi });
  sendRequest(context, session, sa, ExchangeType.IKE_AUTH, payloads);
}

/** IDi, [IDr,] AUTH, [CP,] SA, TSi, TSr and notifications. @see RFC 7296 §1.2, §2.19 */
function authPayloads(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  connection: ConnectionConfig,
  offer: AuthOffer,
  child: ChildOffer | undefined,
): Payload[] {
  const idi: IdPayload = { type: 'IDi', ...offer.localIdentity };
  const payloads: Payload[] = [idi];
  if (connection.remoteIdentity.kind === 'identity') {
    payloads.push({ type: 'IDr', ...connection.remoteIdentity.identity });
  }
  payloads.push(proveIdentity(context.crypto, sa, offer.transcript, idi, offer.secret));
  const request = configRequest(session.wantedAddresses);
  if (request) payloads.push(request);
  if (child) payloads.push(...childOfferPayloads(child));
  // RFC 7296 §2.4: only when this is the only IKE SA between the two identities.
  const isFirst = !session.takesOver && !hasOther(context, session, connection);
  if (connection.sendInitialContact && isFirst) {
    payloads.push(notify(NotifyType.INITIAL_CONTACT));
  }
  if (connection.mobike) payloads.push(...mobikeNotifies(context, session));
  return payloads;
}

/** States from which the peer may hold the other one for authenticated, whether or not we know. */
const MAY_STAND: ReadonlySet<StateKind> = new Set<StateKind>([
  'awaiting-auth-response',
  'finding-peer-secret',
  'installing-first-child',
  'leasing-addresses',
  'installing-response-child',
  'established',
]);

function hasOther(
  context: EndpointContext,
  session: IkeSession,
  connection: ConnectionConfig,
): boolean {
  for (const other of context.sessions.values()) {
    if (other === session || other.connection !== connection) continue;
    if (MAY_STAND.has(other.state.kind)) return true;
  }
  return false;
}

/** The response, decrypted. Its keys are agreed, but who sent it is not known before AUTH verifies. */
export function onAuthResponse(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'awaiting-auth-response'>,
  payloads: readonly Payload[],
): void {
  const { connection } = session;
  if (!connection) return;
  const idr = findPayload(payloads, 'IDr');
  const auth = findPayload(payloads, 'AUTH');
  const error = findErrorNotify(payloads);
  if (!auth && error) {
    const failure =
      error.notify === NotifyType.AUTHENTICATION_FAILED
        ? peerRejectedAuthentication(
            session.localIdentity,
            formatIdentityPattern(connection.remoteIdentity),
          )
        : otherNotify(error.notify, 'IKE_AUTH');
    endSession(context, session, failure);
    return;
  }
  if (!idr || !auth) {
    const detail = auth
      ? 'it has no IDr'
      : 'it has no AUTH (a peer that wants EAP is not supported)';
    failAuth(context, session, malformedFromPeer('IKE_AUTH response', detail));
    return;
  }
  const remoteIdentity: Identity = { idType: idr.idType, data: idr.data.slice() };
  session.remoteIdentity = remoteIdentity;
  if (matchIdentity(connection.remoteIdentity, remoteIdentity) === 0) {
    const wanted = formatIdentityPattern(connection.remoteIdentity);
    const detail = `it says that it is ${formatIdentity(remoteIdentity)}, but ${wanted} is configured; correct the remote identity here or the local one there`;
    failAuth(context, session, peerNotAuthentic(remoteIdentity, detail));
    return;
  }
  const isSame = identitiesEqual(state.offer.secretFor, remoteIdentity);
  const requestId = isSame
    ? undefined
    : ask(context, session, {
        kind: 'shared-secret',
        connection: connection.name,
        local: state.offer.localIdentity,
        remote: remoteIdentity,
      });
  moveTo(session, 'awaiting-auth-response', {
    kind: 'finding-peer-secret',
    requestId,
    offer: state.offer,
    remoteIdentity,
    payloads,
  });
  if (isSame) verifyPeer(context, session, state.offer.secret);
}

/** The secret for the identity that the peer named is there. */
export function onPeerSecret(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'finding-peer-secret'>,
  answer: Answer,
): void {
  const secret = answer.kind === 'shared-secret' ? answer.secret : undefined;
  if (secret) {
    verifyPeer(context, session, secret);
    return;
  }
  failAuth(context, session, noSecret(state.offer.localIdentity, state.remoteIdentity, answer));
}

function verifyPeer(context: EndpointContext, session: IkeSession, secret: KeyMaterial): void {
  const { state, sa, connection } = session;
  if (state.kind !== 'finding-peer-secret' || !sa || !connection) return;
  const { payloads, offer, remoteIdentity } = state;
  const idr = findPayload(payloads, 'IDr');
  const auth = findPayload(payloads, 'AUTH');
  if (!idr || !auth || !verifyProof(context.crypto, sa, offer.transcript, idr, secret, auth)) {
    const detail =
      'its AUTH does not match the pre-shared key that we have for it; give both sides the same secret';
    failAuth(context, session, peerNotAuthentic(remoteIdentity, detail));
    return;
  }
  readMobike(session, payloads);
  if (offer.childSpi === undefined) openChildless(context, session, state);
  else openFirstChild(context, session, state, sa, connection, offer.childSpi);
}

function failAuth(context: EndpointContext, session: IkeSession, failure: SessionFailure): void {
  const { state } = session;
  if (state.kind === 'awaiting-auth-response' || state.kind === 'finding-peer-secret') {
    releaseChildSpi(context, state.offer.childSpi);
  }
  endAfterAuthFailure(context, session, failure);
}
