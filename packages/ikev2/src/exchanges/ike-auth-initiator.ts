import {
  formatIdentity,
  formatIdentityPattern,
  type Identity,
  identitiesEqual,
  matchIdentity,
} from '@ipsec-kit/auth';
import { ExchangeType, type IdPayload, type Payload } from '@ipsec-kit/ikev2-codec';
import { firstChildConfig, firstChildOffer } from '../child/child-offer.ts';
import type { ConnectionConfig } from '../config.ts';
import { type EndpointContext, reserveChildSpi } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import { peerNotAuthentic } from '../errors/authentication-failures.ts';
import { malformedFromPeer, ownWorkFailed } from '../errors/failures.ts';
import { findErrorNotify, findPayload } from '../payloads/find-payload.ts';
import { beginPpk, ppkNotifies, settlePpk } from '../ppk/ppk-use.ts';
import type { MadeProof } from '../proof/made-proof.ts';
import { askOwnProof, readOwnProof, sharesSecret } from '../proof/own-proof.ts';
import { askPeerProof, judgePeerProof, takesProof, wrongKindOfProof } from '../proof/peer-proof.ts';
import { firstChild } from '../reauth/living-children.ts';
import { endSession } from '../session/close-session.ts';
import { beforePpk, type IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { addressIdentity } from '../session/own-identity.ts';
import { sendRequest } from '../session/send-message.ts';
import {
  type AuthOffer,
  type InitTranscript,
  moveTo,
  type StateOf,
} from '../session/session-state.ts';
import { authRequestPayloads } from './auth-request.ts';
import { beginsChildless } from './childless-initiator.ts';
import { beginEapAsInitiator, onEapAuthResponse } from './eap-initiator.ts';
import { openAuthenticated } from './open-authenticated.ts';
import { failAuth, onRefusal } from './refused-by-peer.ts';

/** The keys of the IKE SA are there: asks for the secret that proves who we are, or begins without where EAP does. */
export function beginAuth(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  connection: ConnectionConfig,
  transcript: InitTranscript,
): void {
  const localIdentity = connection.localIdentity ?? addressIdentity(session.path.local.address);
  session.localIdentity = localIdentity;
  // Which identity the peer has is known for sure only when one is configured; its address stands in until it says.
  const askedFor =
    connection.remoteIdentity.kind === 'identity'
      ? connection.remoteIdentity.identity
      : addressIdentity(session.path.remote.address);
  const id: IdPayload = { type: 'IDi', ...localIdentity };
  const said = { transcript, localIdentity, askedFor };
  if (connection.localAuthentication?.kind === 'eap') {
    // RFC 7296 §2.16: without AUTH, which says that EAP is wanted.
    const none = { ok: true, payloads: [], hasMore: false } as const;
    sendAuthRequest(context, session, sa, connection, { ...said, proof: none, answer: undefined });
    return;
  }
  const claim = { connection, id, remote: askedFor, transcript };
  const begun = beginPpk(context, session, sa, connection);
  const requestId = askOwnProof(context, session, begun, claim);
  const making = { kind: 'making-own-proof', requestId, ...said, proof: undefined } as const;
  const { kind } = session.state;
  if (kind === 'agreeing-key') moveTo(session, kind, making);
  else if (kind === 'agreeing-additional-key') moveTo(session, kind, making);
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
  // Under the keys with a post-quantum pre-shared key first, and where the peer may do without, then under those without.
  const under = state.proof ? beforePpk(sa) : sa;
  const made = readOwnProof(context, session, under, claim, answer);
  if (!made.ok) {
    endSession(context, session, made.failure);
    return;
  }
  const proof = state.proof ?? made;
  const said = { localIdentity, askedFor, transcript };
  if (!sa.withoutPpk || state.proof) {
    const plain = state.proof ? made.payloads : [];
    sendAuthRequest(context, session, sa, connection, { ...said, proof, plain, answer });
  } else if (answer.kind === 'shared-secret') {
    onOwnProof(context, session, { ...state, proof }, answer);
  } else {
    const requestId = askOwnProof(context, session, beforePpk(sa), claim);
    const making = { kind: 'making-own-proof', requestId, ...said, proof } as const;
    moveTo(session, 'making-own-proof', making);
  }
}

/** Who we are, to whom, and what proves it so far. */
interface FirstAuth
  extends Pick<AuthOffer, 'transcript' | 'localIdentity' | 'askedFor' | 'answer'> {
  readonly proof: MadeProof;
  /** The same without the post-quantum pre-shared key, where the peer may do without. */
  readonly plain?: readonly Payload[];
}

/** Sends the first IKE_AUTH request, with the offer of the first Child SA. */
function sendAuthRequest(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  connection: ConnectionConfig,
  { transcript, localIdentity, askedFor, answer, proof, plain = [] }: FirstAuth,
): void {
  const moved = firstChild(session);
  session.childName = moved?.config.name ?? session.childName;
  const config = firstChildConfig(connection, session.childName);
  if (!config) {
    const name = session.childName ?? 'any';
    const reason = `connection ${connection.name} has no child "${name}"`;
    endSession(context, session, ownWorkFailed('IKE_AUTH', reason));
    return;
  }
  session.authSent = { path: session.path, isRepeated: false };
  const childSpi = beginsChildless(session) ? undefined : reserveChildSpi(context, session);
  const hasMoreProofs = proof.hasMore;
  const childName = config.name;
  const moves = moved && { origin: moved.origin, before: context.nextChildId };
  const offer: AuthOffer = {
    ...{ transcript, localIdentity, askedFor, answer },
    ...{ childSpi, childName, moves, hasMoreProofs },
  };
  const child =
    childSpi === undefined ? undefined : firstChildOffer(session, connection, config, childSpi);
  const { kind } = session.state;
  const awaiting = { kind: 'awaiting-auth-response', offer } as const;
  if (kind === 'agreeing-key') moveTo(session, kind, awaiting);
  else if (kind === 'agreeing-additional-key') moveTo(session, kind, awaiting);
  else if (kind === 'making-own-proof') moveTo(session, kind, awaiting);
  const id: IdPayload = { type: 'IDi', ...localIdentity };
  const payloads = authRequestPayloads(context, session, connection, id, proof.payloads, child);
  payloads.push(...ppkNotifies(session, connection, plain));
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
  const { connection } = session;
  if (!connection || !session.sa) return;
  if (session.eap) {
    onEapAuthResponse(context, session, state, payloads);
    return;
  }
  const idr = findPayload(payloads, 'IDr');
  const auth = findPayload(payloads, 'AUTH');
  const error = findErrorNotify(payloads);
  if (!auth && error) {
    onRefusal(context, session, connection, state.offer, error.notify);
    return;
  }
  const wantsEap = connection.localAuthentication?.kind === 'eap';
  const isOnlyProof = connection.remoteAuthentication?.kind === 'eap';
  const missing = lacking(payloads, wantsEap, isOnlyProof);
  if (!idr || missing) {
    const failure = malformedFromPeer('IKE_AUTH response', missing ?? 'it has no IDr');
    failAuth(context, session, failure);
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
  if (!auth) {
    beginEapAsInitiator(context, session, state.offer, payloads);
    return;
  }
  const refusal = settlePpk(session, payloads);
  const { sa } = session;
  if (refusal || !sa) {
    if (refusal) failAuth(context, session, refusal);
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
  if (isKnown && offer.answer) onPeerProof(context, session, checking, offer.answer);
}

/** What the first response lacks, in words. @see RFC 7296 §1.2, §2.16, RFC 5998 §3 (no AUTH where EAP is all that proves the peer) */
function lacking(
  payloads: readonly Payload[],
  wantsEap: boolean,
  isOnlyProof: boolean,
): string | undefined {
  if (!findPayload(payloads, 'IDr')) return 'it has no IDr';
  if (!findPayload(payloads, 'AUTH') && !isOnlyProof) {
    const isEap = findPayload(payloads, 'EAP') !== undefined;
    return isEap
      ? 'it has no AUTH, as if nothing but EAP were to prove the peer (RFC 5998), which is not configured'
      : 'it has no AUTH';
  }
  return wantsEap && !findPayload(payloads, 'EAP') ? 'it has no EAP' : undefined;
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
  if (connection.localAuthentication?.kind === 'eap') {
    beginEapAsInitiator(context, session, offer, payloads);
  } else openAuthenticated(context, session, state);
}
