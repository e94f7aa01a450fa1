import type { KeyExchangeSecret, KeyMaterial } from '@ipsec-kit/crypto';
import {
  ExchangeType,
  type NotifyPayload,
  type Payload,
  type Proposal,
  ProtocolId,
} from '@ipsec-kit/ikev2-codec';
import { compareNonces, lowerNonce } from '../collisions/lowest-nonce.ts';
import { LATE, retryMoment } from '../collisions/retry-pause.ts';
import { ask, type EndpointContext, newIkeSpi, randomBytes } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import { answerReason } from '../errors/answer-reason.ts';
import { describeProposals } from '../errors/describe-offer.ts';
import { DELETED_BY_PEER } from '../errors/endings.ts';
import { malformedFromPeer, ownWorkFailed } from '../errors/failures.ts';
import { inconsistentAnswer, keyExchangeInvalid } from '../errors/offer-failures.ts';
import type { SessionFailure } from '../events.ts';
import { additionalMethods } from '../negotiate/additional-key-exchanges.ts';
import {
  chosenMethod,
  isConsistentAnswer,
  methodsOf,
  offerProposals,
} from '../negotiate/proposals.ts';
import { findErrorNotify, findPayload, readNonce } from '../payloads/find-payload.ts';
import { endSession } from '../session/close-session.ts';
import { retryIkeRekey } from '../session/ike-lifetime.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { NONCE_BYTES } from '../session/nonce-bytes.ts';
import { keepReplaced } from '../session/replaced-ike-sas.ts';
import { sendRequest } from '../session/send-message.ts';
import { adoptIkeSa } from './adopt-ike-sa.ts';
import type { IkeAttempt } from './create-child-parts.ts';
import type { InitiationOf } from './create-child-state.ts';
import { beginSeries, readLink } from './follow-up-initiator.ts';
import type { Accepted } from './follow-up-state.ts';
import { ikeSpiBytes, keyNextIkeSa, readIkeSpi } from './next-ike-sa.ts';
import {
  endIkeAttempt,
  endOnBadAnswer,
  failIkeAttempt,
  onIkeRefused,
} from './rekey-ike-refused.ts';

/** Begins the replacement of the IKE SA, with the key exchange method that the peer wanted last time.
 * @returns false when the connection has none.
 * @see RFC 7296 §1.3.2
 */
export function beginIkeRekey(context: EndpointContext, session: IkeSession): boolean {
  const { connection } = session;
  const methods = connection ? methodsOf(connection.proposals) : [];
  const learned = session.learnedMethods.get('');
  const method = learned !== undefined && methods.includes(learned) ? learned : methods[0];
  if (!connection || method === undefined) return false;
  const initiatorSpi = newIkeSpi(context);
  context.sessionsBySpi.set(initiatorSpi, session);
  prepare(context, session, { connection, initiatorSpi, method, triedMethods: [method] });
  return true;
}

function prepare(context: EndpointContext, session: IkeSession, attempt: IkeAttempt): void {
  const requestId = ask(context, session, { kind: 'generate-key', method: attempt.method });
  session.initiation = { kind: 'generating-ike-key', requestId, attempt };
}

/** The key exchange value is there: sends SA, Ni, KEi. @see RFC 7296 §1.3.2 */
export function onIkeKeyGenerated(
  context: EndpointContext,
  session: IkeSession,
  { attempt }: InitiationOf<'generating-ike-key'>,
  answer: Answer,
): void {
  if (answer.kind !== 'generate-key') {
    failIkeAttempt(context, session, ownWorkFailed('The key exchange', answerReason(answer)), 1);
    return;
  }
  const { sa, running, state } = session;
  // The peer may have asked for the same meanwhile: its replacement is as good as ours.
  const isRivalled = session.answering !== undefined && isForIke(session);
  const isWanted = state.kind === 'established' && !session.isClosing && !isRivalled;
  const nonce = randomBytes(context.random, NONCE_BYTES);
  const messageId =
    sa && running && isWanted
      ? send(context, session, sa, attempt, nonce, answer.secret)
      : undefined;
  if (!running || messageId === undefined) {
    endIkeAttempt(context, session);
    return;
  }
  session.running = { ...running, messageId };
  session.initiation = { kind: 'awaiting-ike-response', attempt, nonce, secret: answer.secret };
}

function isForIke({ answering }: IkeSession): boolean {
  return answering !== undefined && 'initiatorSpi' in answering.reply;
}

function send(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  attempt: IkeAttempt,
  nonce: Uint8Array,
  secret: KeyExchangeSecret,
): number | undefined {
  const payloads: Payload[] = [
    { type: 'SA', proposals: offerOf(attempt) },
    { type: 'Nonce', data: nonce },
    { type: 'KE', method: secret.method, data: secret.publicValue },
  ];
  const notAfter = session.expiresAt;
  return sendRequest(context, session, sa, ExchangeType.CREATE_CHILD_SA, payloads, { notAfter });
}

function offerOf({ connection, initiatorSpi }: IkeAttempt): Proposal[] {
  return offerProposals(connection.proposals, ProtocolId.IKE, ikeSpiBytes(initiatorSpi));
}

/** The response, decrypted: an error, or the other half of the key exchange. @see RFC 7296 §1.3.2, §2.18 */
export function onIkeRekeyResponse(
  context: EndpointContext,
  session: IkeSession,
  state: InitiationOf<'awaiting-ike-response'>,
  payloads: readonly Payload[],
): void {
  const { attempt, nonce, secret, deletedRival } = state;
  const error = findErrorNotify(payloads);
  if (error) {
    onIkeError(context, session, attempt, error);
    return;
  }
  const answer = findPayload(payloads, 'SA');
  const proposal = answer?.proposals[0];
  const responderNonce = readNonce(payloads);
  const ke = findPayload(payloads, 'KE');
  const failure = judgeAnswer(attempt, answer?.proposals ?? [], ke?.method);
  if (failure || !proposal || !responderNonce || !ke) {
    const detail = 'it lacks SA, KE or a valid nonce';
    endOnBadAnswer(context, session, failure ?? malformedFromPeer('answer for the IKE SA', detail));
    return;
  }
  const peerPublicValue = ke.data.slice();
  const requestId = ask(context, session, { kind: 'agree-key', secret, peerPublicValue });
  session.initiation = {
    kind: 'agreeing-ike-key',
    requestId,
    attempt,
    nonce,
    responderNonce,
    proposal,
    link: readLink(payloads),
    isOldDeleted: false,
    ...(deletedRival ? { deletedRival } : {}),
  };
}

/** The peer has refused it, or an exchange that follows: again with another key exchange, later, or not at all. */
export function onIkeError(
  context: EndpointContext,
  session: IkeSession,
  attempt: IkeAttempt,
  error: NotifyPayload,
): void {
  const retry = onIkeRefused(context, session, attempt, error);
  if (retry) prepare(context, session, retry);
}

function judgeAnswer(
  attempt: IkeAttempt,
  answer: readonly Proposal[],
  method: number | undefined,
): SessionFailure | undefined {
  const offered = offerOf(attempt);
  const [chosen] = answer;
  if (!chosen || !isConsistentAnswer(answer, offered)) {
    return inconsistentAnswer(describeProposals(answer), describeProposals(offered));
  }
  const isKeyed = method === attempt.method && chosenMethod(chosen.transforms) === method;
  if (isKeyed && readIkeSpi(chosen.spi) !== undefined) return undefined;
  return malformedFromPeer('answer for the IKE SA', 'its SPI or its key exchange is not valid');
}

/** The shared secret is there: the new IKE SA stands, or additional key exchanges follow. */
export function onIkeKeyAgreed(
  context: EndpointContext,
  session: IkeSession,
  state: InitiationOf<'agreeing-ike-key'>,
  answer: Answer,
): void {
  const { attempt, proposal, isOldDeleted } = state;
  if (answer.kind !== 'agree-key' || !answer.agreement.ok) {
    const failure =
      answer.kind === 'agree-key' && !answer.agreement.ok
        ? keyExchangeInvalid(attempt.method, answer.agreement.code)
        : ownWorkFailed('The key exchange', answerReason(answer));
    if (isOldDeleted) endSession(context, session, failure);
    else endOnBadAnswer(context, session, failure);
    return;
  }
  const { sharedSecret } = answer.agreement;
  if (hasWonAndEnded(state)) {
    sharedSecret.erase();
    endSession(context, session, DELETED_BY_PEER, true);
    return;
  }
  const methods = additionalMethods(proposal.transforms);
  if (methods.length === 0) finishIkeRekey(context, session, state, [sharedSecret]);
  else goOn(context, session, state, methods, sharedSecret);
}

/** The peer's rekey is the one that stays, and the peer has deleted its result: that was the end of the session. */
function hasWonAndEnded(state: InitiationOf<'agreeing-ike-key'>): boolean {
  const { nonce, responderNonce, deletedRival } = state;
  if (!deletedRival) return false;
  return compareNonces(lowerNonce(nonce, responderNonce), deletedRival) < 0;
}

/** Goes on to the additional key exchanges; or stops there, when the peer's rekey is the one that stays.
 * @see RFC 9370 §2.2.4, RFC 7296 §2.8.2
 */
function goOn(
  context: EndpointContext,
  session: IkeSession,
  state: InitiationOf<'agreeing-ike-key'>,
  methods: readonly number[],
  first: KeyMaterial,
): void {
  const { attempt, nonce, responderNonce, proposal, link, isOldDeleted } = state;
  const { rival } = session;
  const lowest = lowerNonce(nonce, responderNonce);
  if (isOldDeleted) {
    // The peer cannot go on under an IKE SA that it has deleted, and there is no other yet.
    first.erase();
    endSession(context, session, DELETED_BY_PEER);
  } else if (rival?.kind === 'ike' && compareNonces(lowest, rival.lowest) < 0) {
    first.erase();
    if (rival.sa) {
      adoptIkeSa(context, session, rival.sa, 'peer', 'expected');
      return;
    }
    endIkeAttempt(context, session);
    // The peer may leave its series: then it is our turn again.
    retryIkeRekey(context, session, retryMoment(context, LATE));
  } else {
    const accepted = { kind: 'ike', attempt, nonce, responderNonce, proposal } as const;
    beginSeries(context, session, accepted, methods, first, link);
  }
}

/** All shared secrets are there: the new IKE SA stands. When both sides have replaced the old one, the four nonces say which
 * of the two new ones goes, and who deletes what. @see RFC 7296 §2.8.2
 */
export function finishIkeRekey(
  context: EndpointContext,
  session: IkeSession,
  accepted: Omit<Extract<Accepted, { readonly kind: 'ike' }>, 'kind'> & {
    readonly isOldDeleted?: boolean;
  },
  secrets: readonly [KeyMaterial, ...KeyMaterial[]],
): void {
  const { attempt, nonce, responderNonce, proposal, isOldDeleted = false } = accepted;
  const { sa: old, rival } = session;
  const responderSpi = readIkeSpi(proposal.spi);
  // It was read before the key exchange began, and an initiation does not outlive its IKE SA.
  if (!old || responderSpi === undefined) return;
  const { initiatorSpi } = attempt;
  const fresh = keyNextIkeSa(context, session, old, {
    spis: { initiatorSpi, responderSpi },
    isInitiator: true,
    transforms: proposal.transforms,
    nonces: { initiatorNonce: nonce, responderNonce },
    secrets,
  });
  if (!fresh) {
    endSession(context, session, ownWorkFailed('The rekey', 'an algorithm is not provided'));
    return;
  }
  session.initiation = undefined;
  session.running = undefined;
  const lowest = lowerNonce(nonce, responderNonce);
  if (rival?.kind === 'ike' && compareNonces(lowest, rival.lowest) < 0) {
    if (rival.sa) {
      adoptIkeSa(context, session, rival.sa, 'peer', isOldDeleted ? 'answered' : 'expected');
    } else {
      // The peer's is still to come, by a series of key exchanges under the old one.
      session.rival = undefined;
      retryIkeRekey(context, session, retryMoment(context, LATE));
    }
    keepReplaced(context, session, fresh, 'asked');
    return;
  }
  adoptIkeSa(context, session, fresh, 'local', isOldDeleted ? 'answered' : 'asked');
  if (rival?.kind === 'ike' && rival.sa) keepReplaced(context, session, rival.sa, 'expected');
}
