import {
  formatIdentity,
  formatIdentityPattern,
  type Identity,
  identitiesEqual,
  matchIdentity,
} from '@ipsec-kit/auth';
import { TransformType } from '@ipsec-kit/crypto';
import { ExchangeType, type IdPayload, NotifyType, type Payload } from '@ipsec-kit/ikev2-codec';
import { firstChildConfig, firstChildOffer } from '../child/child-offer.ts';
import type { ConnectionConfig } from '../config.ts';
import {
  type EndpointContext,
  releaseChildSpi,
  reserveChildSpi,
} from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-io.ts';
import {
  keyExchangeInvalid,
  malformedFromPeer,
  otherNotify,
  ownWorkFailed,
  peerNotAuthentic,
  peerRejectedAuthentication,
} from '../errors/failures.ts';
import type { SessionFailure } from '../events.ts';
import { readMobike } from '../mobike/begin-mobike.ts';
import { findErrorNotify, findPayload } from '../payloads/find-payload.ts';
import { endAfterAuthFailure } from '../procedures/request-end.ts';
import { askOwnProof, readOwnProof, sharesSecret } from '../proof/own-proof.ts';
import { askPeerProof, judgePeerProof, takesProof, wrongKindOfProof } from '../proof/peer-proof.ts';
import { readAuthLifetime } from '../reauth/auth-lifetime.ts';
import { firstChildName } from '../reauth/living-children.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { addressIdentity } from '../session/own-identity.ts';
import { sendRequest } from '../session/send-message.ts';
import { type AuthOffer, moveTo, type StateOf } from '../session/session-state.ts';
import { authRequestPayloads } from './auth-request.ts';
import { beginsChildless, openChildless } from './childless-initiator.ts';
import { openFirstChild } from './first-child-initiator.ts';
import { beginAnew } from './initiate.ts';
import { keyIkeSa } from './keyed-ike-sa.ts';

/** Ways to sign that are tried after the first. */
const MAX_SIGNATURE_REFUSALS = 3;

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
  const askedFor =
    connection.remoteIdentity.kind === 'identity'
      ? connection.remoteIdentity.identity
      : addressIdentity(session.path.remote.address);
  const id: IdPayload = { type: 'IDi', ...localIdentity };
  const claim = { connection, id, remote: askedFor, transcript };
  const requestId = askOwnProof(context, session, sa, claim);
  moveTo(session, 'agreeing-key', {
    kind: 'making-own-proof',
    requestId,
    transcript,
    localIdentity,
    askedFor,
  });
}

/** What proves who we are is there: sends the IKE_AUTH request with the offer of the first Child SA. */
export function onOwnProof(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'making-own-proof'>,
  answer: Answer,
): void {
  const { connection, sa } = session;
  if (!connection || !sa) return;
  const { localIdentity, askedFor, transcript } = state;
  const id: IdPayload = { type: 'IDi', ...localIdentity };
  const claim = { connection, id, remote: askedFor, transcript };
  const proof = readOwnProof(context, session, sa, claim, answer);
  session.childName = firstChildName(session);
  const config = firstChildConfig(connection, session.childName);
  if (!proof.ok) {
    endSession(context, session, proof.failure);
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
    transcript,
    localIdentity,
    childSpi,
    childName: config.name,
    answer,
    askedFor,
    hasMoreProofs: proof.hasMore,
  };
  const child =
    childSpi === undefined ? undefined : firstChildOffer(session, connection, config, childSpi);
  moveTo(session, 'making-own-proof', { kind: 'awaiting-auth-response', offer });
  const payloads = authRequestPayloads(context, session, connection, id, proof.payloads, child);
  // The peer may use the Child SA before its response is here.
  if (childSpi !== undefined) context.outputs.push({ kind: 'reserve-spi', spi: childSpi });
  sendRequest(context, session, sa, ExchangeType.IKE_AUTH, payloads);
}

/** The response, decrypted. Its keys are agreed, but who sent it is not known before AUTH verifies. */
export function onAuthResponse(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'awaiting-auth-response'>,
  payloads: readonly Payload[],
): void {
  const { connection, sa } = session;
  if (!connection || !sa) return;
  const idr = findPayload(payloads, 'IDr');
  const auth = findPayload(payloads, 'AUTH');
  const error = findErrorNotify(payloads);
  if (!auth && error) {
    onRefusal(context, session, connection, state.offer, error.notify);
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
  if (!takesProof(connection, auth)) {
    failAuth(context, session, wrongKindOfProof(connection, remoteIdentity, auth));
    return;
  }
  const { offer } = state;
  const { transcript, localIdentity: local } = offer;
  const isKnown = sharesSecret(connection) && identitiesEqual(offer.askedFor, remoteIdentity);
  const claim = { connection, local, transcript, id: idr, auth, payloads };
  const requestId = isKnown ? undefined : askPeerProof(context, session, sa, claim);
  const checking = { kind: 'checking-peer-proof', requestId, offer, payloads } as const;
  moveTo(session, 'awaiting-auth-response', checking);
  if (isKnown) onPeerProof(context, session, checking, offer.answer);
}

/** The peer has refused us: for what we sign with, where there is another way to try; otherwise for good.
 * @see RFC 7427 §5 (a peer may not like an algorithm that it has announced the hash of)
 */
function onRefusal(
  context: EndpointContext,
  session: IkeSession,
  connection: ConnectionConfig,
  offer: AuthOffer,
  notifyType: number,
): void {
  if (notifyType !== NotifyType.AUTHENTICATION_FAILED) {
    endSession(context, session, otherNotify(notifyType, 'IKE_AUTH'));
    return;
  }
  const failure = peerRejectedAuthentication(
    session.localIdentity,
    formatIdentityPattern(connection.remoteIdentity),
    connection.localAuthentication?.kind ?? 'psk',
  );
  const mayRetry = offer.hasMoreProofs && session.signatureRefusals < MAX_SIGNATURE_REFUSALS;
  if (!mayRetry || session.isClosing) {
    endSession(context, session, failure);
    return;
  }
  session.signatureRefusals += 1;
  beginAnew(context, session, connection, failure);
}

/** What it takes to check the peer's proof is there. */
export function onPeerProof(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'checking-peer-proof'>,
  answer: Answer,
): void {
  const { sa, connection } = session;
  const { payloads, offer } = state;
  const idr = findPayload(payloads, 'IDr');
  const auth = findPayload(payloads, 'AUTH');
  if (!sa || !connection || !idr || !auth) return;
  const { transcript, localIdentity: local } = offer;
  const claim = { connection, local, transcript, id: idr, auth, payloads };
  const failure = judgePeerProof(context, session, sa, claim, answer);
  if (failure) {
    failAuth(context, session, failure);
    return;
  }
  readMobike(session, payloads);
  readAuthLifetime(context, session, payloads);
  if (offer.childSpi === undefined) openChildless(context, session, state);
  else openFirstChild(context, session, state, sa, connection, offer.childSpi);
}

function failAuth(context: EndpointContext, session: IkeSession, failure: SessionFailure): void {
  const { state } = session;
  if (state.kind === 'awaiting-auth-response' || state.kind === 'checking-peer-proof') {
    releaseChildSpi(context, state.offer.childSpi);
  }
  endAfterAuthFailure(context, session, failure);
}
