import type { KeyMaterial } from '@ipsec-kit/crypto';
import {
  NotifyType,
  notify,
  type Payload,
  type Proposal,
  ProtocolId,
} from '@ipsec-kit/ikev2-codec';
import { lowerNonce } from '../collisions/lowest-nonce.ts';
import { judge } from '../collisions/own-work.ts';
import { ask, type EndpointContext, newIkeSpi, randomBytes } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-io.ts';
import type { ProtocolError } from '../errors/wire-answer.ts';
import { ikeSuiteOf } from '../keys/ike-suite.ts';
import { additionalMethods } from '../negotiate/additional-key-exchanges.ts';
import { chooseProposal, chosenMethod } from '../negotiate/proposals.ts';
import { findPayload } from '../payloads/find-payload.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { NONCE_BYTES } from '../session/nonce-bytes.ts';
import { adoptIkeSa } from './adopt-ike-sa.ts';
import type { IkeReply, OpenRequest } from './create-child-parts.ts';
import { respond, respondWithError } from './create-child-respond.ts';
import { type Answering, isMade } from './create-child-state.ts';
import { awaitSeries, type CompleteSeries } from './follow-up-responder.ts';
import { ikeSpiBytes, keyNextIkeSa, readIkeSpi } from './next-ike-sa.ts';

type AnsweringOf<Kind extends Answering['kind']> = Extract<Answering, { readonly kind: Kind }>;

/** A request for a new IKE SA: chooses a proposal and begins the key exchange, which is mandatory here.
 * @returns an error when it lacks KE.
 * @see RFC 7296 §1.3.2, §2.18
 */
export function answerIkeRekey(
  context: EndpointContext,
  session: IkeSession,
  request: OpenRequest,
  payloads: readonly Payload[],
  initiatorNonce: Uint8Array,
): ProtocolError | undefined {
  const ke = findPayload(payloads, 'KE');
  if (!ke) return { code: 'missing-payload', payload: 'KE' };
  const offered = findPayload(payloads, 'SA')?.proposals ?? [];
  const proposal = choose(context, session, offered, ke.method);
  const method = proposal && chosenMethod(proposal.transforms);
  const initiatorSpi = proposal && readIkeSpi(proposal.spi);
  if (!proposal || method === undefined || initiatorSpi === undefined) {
    respondWithError(context, session, request, { code: 'no-proposal-chosen' });
  } else if (method !== ke.method) {
    respondWithError(context, session, request, { code: 'invalid-ke-payload', method });
  } else {
    const requestId = ask(context, session, { kind: 'generate-key', method });
    const peerPublicValue = ke.data.slice();
    const reply = { proposal, initiatorSpi, initiatorNonce, method, peerPublicValue };
    session.answering = { kind: 'generating-ike-answer-key', requestId, request, reply };
  }
  return undefined;
}

function choose(
  context: EndpointContext,
  session: IkeSession,
  offered: readonly Proposal[],
  preferMethod: number,
): Proposal | undefined {
  const own = session.connection?.proposals ?? [];
  const chosen = chooseProposal(offered, own, ProtocolId.IKE, preferMethod)?.proposal;
  return chosen && ikeSuiteOf(context.crypto, chosen.transforms) ? chosen : undefined;
}

/** Our key exchange value is there: now the shared secret. */
export function onIkeAnswerKeyGenerated(
  context: EndpointContext,
  session: IkeSession,
  { request, reply }: AnsweringOf<'generating-ike-answer-key'>,
  answer: Answer,
): void {
  if (answer.kind !== 'generate-key') {
    respondWithError(context, session, request, { code: 'temporary-failure' });
    return;
  }
  const { secret } = answer;
  const { peerPublicValue } = reply;
  const requestId = ask(context, session, { kind: 'agree-key', secret, peerPublicValue });
  const { publicValue } = secret;
  session.answering = { kind: 'agreeing-ike-answer-key', requestId, request, reply, publicValue };
}

/** The shared secret is there: answers, unless this side has begun meanwhile what does not go with it. The session moves to
 * the new IKE SA; or keeps it beside its own request for the same, until all four nonces are known. @see RFC 7296 §2.8.2
 */
export function onIkeAnswerKeyAgreed(
  context: EndpointContext,
  session: IkeSession,
  { request, reply, publicValue }: AnsweringOf<'agreeing-ike-answer-key'>,
  answer: Answer,
): void {
  const { proposal, initiatorNonce, method } = reply;
  if (answer.kind === 'agree-key' && !answer.agreement.ok) {
    respondWithError(context, session, request, { code: 'invalid-ke-payload', method });
    return;
  }
  const verdict = judge(session, request.sa, 'rekey-ike');
  if (answer.kind !== 'agree-key' || !answer.agreement.ok || verdict.answer !== 'as-usual') {
    respond(context, session, request, [notify(NotifyType.TEMPORARY_FAILURE)]);
    return;
  }
  const responderSpi = newIkeSpi(context);
  const responderNonce = randomBytes(context.random, NONCE_BYTES);
  const payloads: Payload[] = [
    { type: 'SA', proposals: [{ ...proposal, spi: ikeSpiBytes(responderSpi) }] },
    { type: 'Nonce', data: responderNonce },
    { type: 'KE', method, data: publicValue },
  ];
  const { sharedSecret } = answer.agreement;
  const methods = additionalMethods(proposal.transforms);
  const promised = { reply, responderSpi, responderNonce };
  if (methods.length === 0) {
    makeIkeSa(context, session, request, promised, [sharedSecret], payloads);
    return;
  }
  const link = awaitSeries(context, session, {
    promised: { kind: 'ike', reply, responderSpi },
    sa: request.sa,
    responderNonce,
    methods,
    secrets: [sharedSecret],
  });
  if (verdict.effect === 'compare-nonces') {
    const lowest = lowerNonce(initiatorNonce, responderNonce);
    session.rival = { kind: 'ike', sa: undefined, lowest };
  }
  respond(context, session, request, [...payloads, link]);
}

/** The additional key exchanges are over as well: the new IKE SA stands with our last response. @see RFC 9370 §2.2.4 */
export function completeIkeRekey(
  context: EndpointContext,
  session: IkeSession,
  { request, series, ke }: CompleteSeries,
): void {
  const { promised, responderNonce, secrets } = series;
  const [first, ...further] = secrets;
  if (promised.kind !== 'ike' || !first) return;
  if (session.rival && !isMade(session.rival)) session.rival = undefined;
  makeIkeSa(context, session, request, { ...promised, responderNonce }, [first, ...further], [ke]);
}

/** Makes the new IKE SA and answers, unless this side has begun meanwhile what does not go with it. */
function makeIkeSa(
  context: EndpointContext,
  session: IkeSession,
  request: OpenRequest,
  promised: {
    readonly reply: IkeReply;
    readonly responderSpi: bigint;
    readonly responderNonce: Uint8Array;
  },
  secrets: readonly [KeyMaterial, ...KeyMaterial[]],
  payloads: readonly Payload[],
): void {
  const { reply, responderSpi, responderNonce } = promised;
  const { proposal, initiatorSpi, initiatorNonce } = reply;
  const verdict = judge(session, request.sa, 'rekey-ike');
  if (verdict.answer !== 'as-usual') {
    for (const secret of secrets) secret.erase();
    respond(context, session, request, [notify(NotifyType.TEMPORARY_FAILURE)]);
    return;
  }
  const fresh = keyNextIkeSa(context, session, request.sa, {
    spis: { initiatorSpi, responderSpi },
    isInitiator: false,
    transforms: proposal.transforms,
    nonces: { initiatorNonce, responderNonce },
    secrets,
  });
  if (!fresh) {
    respondWithError(context, session, request, { code: 'no-proposal-chosen' });
    return;
  }
  respond(context, session, request, payloads);
  if (verdict.effect === 'compare-nonces') {
    const lowest = lowerNonce(initiatorNonce, responderNonce);
    session.rival = { kind: 'ike', sa: fresh, lowest };
  } else {
    adoptIkeSa(context, session, fresh, 'peer', 'expected');
  }
}
