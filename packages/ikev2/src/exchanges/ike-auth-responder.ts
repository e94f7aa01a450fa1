import type { Identity } from '@ipsec-kit/auth';
import type { IdPayload, Payload } from '@ipsec-kit/ikev2-codec';
import { NotifyType } from '@ipsec-kit/ikev2-codec';
import {
  type ChosenConnection,
  chooseConnections,
  connectionsForPath,
} from '../endpoint/connection-choice.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import { noConnectionForIdentities, peerNotAuthentic } from '../errors/authentication-failures.ts';
import { malformedFromPeer } from '../errors/failures.ts';
import type { SessionFailure } from '../events.ts';
import { findPayload } from '../payloads/find-payload.ts';
import { choosePpk } from '../ppk/choose-ppk.ts';
import { askOwnProof, sharesSecret } from '../proof/own-proof.ts';
import { askPeerProof, judgePeerProof, takesProof, wrongKindOfProof } from '../proof/peer-proof.ts';
import { readPeerWishes } from '../proof/peer-wishes.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { type AuthRequest, moveTo, type StateOf } from '../session/session-state.ts';
import { onResponseProof, ownClaim } from './admit-initiator.ts';
import { beginEapAsResponder } from './eap-responder.ts';
import { AUTH_FAILED, isRefusedWithoutChild, refuseAuth } from './refuse-auth.ts';

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
  const idr = findPayload(payloads, 'IDr');
  const wanted = idr && copyIdentity(idr);
  const fitting = chooseConnections(
    context.connections,
    session.path,
    sa.suite.transforms,
    remoteIdentity,
    wanted,
  );
  const [first] = fitting;
  if (!first) {
    const failure = noConnectionForIdentities(
      remoteIdentity,
      wanted,
      connectionsForPath(context.connections, session.path),
    );
    refuseAuth(context, session, sa, AUTH_FAILED, failure);
    return;
  }
  const { certificateRequests } = readPeerWishes(payloads);
  session.peerWishes = { ...session.peerWishes, certificateRequests };
  const { transcript } = state;
  const request = { payloads, remoteIdentity, transcript };
  const auth = findPayload(payloads, 'AUTH');
  if (!auth) {
    // RFC 7296 §2.16: so an initiator says that it wants EAP.
    beginEapAsResponder(context, session, sa, request, [first, ...fitting.slice(1)]);
    return;
  }
  const chosen = fitting.filter(
    ({ connection }) =>
      takesProof(connection, auth) && connection.localAuthentication?.kind !== 'eap',
  );
  if (chosen.length === 0) {
    const failure = wrongKindOfProof(first.connection, remoteIdentity, auth);
    refuseAuth(context, session, sa, AUTH_FAILED, failure);
    return;
  }
  const choice = choosePpk(context, session, sa, payloads, chosen);
  if (!choice.ok) {
    refuseAuth(context, session, sa, AUTH_FAILED, peerNotAuthentic(remoteIdentity, choice.detail));
    return;
  }
  const checked = { ...request, payloads: choice.payloads };
  checkInitiator(context, session, choice.sa, checked, choice.chosen);
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
  if (isRefusedWithoutChild(context, session, sa, connection, payloads)) return;
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
    refuseAuth(context, session, sa, AUTH_FAILED, { ...(refusal ?? failure), notify });
    return;
  }
  const isKnown = sharesSecret(connection);
  const own = ownClaim(request);
  const requestId = isKnown ? undefined : askOwnProof(context, session, sa, own);
  const making = { kind: 'making-response-proof', requestId, request } as const;
  moveTo(session, 'checking-initiator-proof', making);
  if (isKnown) onResponseProof(context, session, making, answer);
}

function copyIdentity(payload: IdPayload): Identity {
  return { idType: payload.idType, data: payload.data.slice() };
}
