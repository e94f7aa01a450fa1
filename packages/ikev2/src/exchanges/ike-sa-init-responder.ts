import { addMs } from '@ipsec-kit/clock';
import { TransformType } from '@ipsec-kit/crypto';
import {
  findNotify,
  type IkeMessage,
  NotifyType,
  type Payload,
  type Proposal,
  ProtocolId,
} from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import type { NatStatus } from '@ipsec-kit/nat-t';
import { hasCookie } from '../endpoint/ask-for-cookie.ts';
import { connectionsForPath } from '../endpoint/connection-choice.ts';
import {
  ask,
  type EndpointContext,
  newIkeSpi,
  randomBytes,
  setTimer,
} from '../endpoint/endpoint-context.ts';
import { nextSessionId } from '../endpoint/session-ids.ts';
import { type RejectedMessage, refuseUnverified } from '../endpoint/unprotected-answers.ts';
import type { Answer } from '../endpoint-work.ts';
import { answerReason } from '../errors/answer-reason.ts';
import { natTraversalRefused, ownWorkFailed } from '../errors/failures.ts';
import {
  keyExchangeInvalid,
  noConnectionForPath,
  noProposalForPeer,
  otherKeyExchangeWanted,
} from '../errors/offer-failures.ts';
import type { ProtocolError } from '../errors/wire-answer.ts';
import { ikeSuiteOf } from '../keys/ike-suite.ts';
import { earnFrom, noteAnswered } from '../mobike/verified-address.ts';
import { readNatDetection } from '../nat/nat-detection.ts';
import { additionalMethods, hasAdditional } from '../negotiate/additional-key-exchanges.ts';
import { chooseProposal, offerProposals } from '../negotiate/proposals.ts';
import { findPayload } from '../payloads/find-payload.ts';
import { summarizePayloads } from '../payloads/payload-summary.ts';
import { readPeerWishes } from '../proof/peer-wishes.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { narrateReceived } from '../session/narrate.ts';
import { openSession } from '../session/new-session.ts';
import { NONCE_BYTES } from '../session/nonce-bytes.ts';
import { transmit } from '../session/send-message.ts';
import { type InitAnswer, moveTo, type StateOf } from '../session/session-state.ts';
import { firstAdditionalKeys } from './additional-keys.ts';
import {
  announcesFragments,
  encodeInitResponse,
  hasPpk,
  initResponseBytes,
  initResponsePayloads,
} from './init-response.ts';
import { keyIkeSa } from './keyed-ike-sa.ts';

/** An IKE_SA_INIT request that passed the limits and the cookie: chooses a proposal, and only then keeps state.
 * @param initHash - tells this request from others, and its retransmissions from new ones.
 * @see RFC 7296 §1.2, §2.7, §2.23
 */
export function answerInit(
  context: EndpointContext,
  message: IkeMessage,
  received: RejectedMessage & { readonly datagram: Uint8Array },
  initHash: string,
): void {
  const verdict = judgeInit(context, message, received);
  if (!verdict.ok) {
    refuseUnverified(context, received, verdict.error, verdict.reason);
    return;
  }
  const { answer, nat } = verdict;
  const { path, marker, bytes } = received;
  const peerWishes = readPeerWishes(message.payloads);
  // Nobody has shown yet that somebody is there who wants the answer. RFC 7296 §2.6
  const isLonger = initResponseBytes(context, { ...answer, path, peerWishes }) > bytes;
  const why = 'whose answer would be longer than itself';
  if (isLonger && !hasCookie(context, received, message, why)) return;
  const requestId = context.nextRequestId;
  const session = openSession(context, {
    id: nextSessionId(context),
    role: 'responder',
    state: { kind: 'generating-response-key', requestId, answer },
    localSpi: newIkeSpi(context),
    path,
    marker,
    halfOpenFrom: path.remote.address,
    initHash,
  });
  session.nat = nat;
  session.peerWishes = peerWishes;
  if (peerWishes.usesPpk && hasPpk(context, path)) session.ppk = 'announced';
  // Its cookie has shown that it is there.
  if (isLonger) session.provenPath = path;
  earnFrom(context, session, received);
  noteAnswered(session, path);
  const { header, payloads } = message;
  const once = { fragments: 1, retransmission: false };
  narrateReceived(context, session, { header, payloads, bytes, path, ...once });
  setTimer(context, session, 'half-open', addMs(context.now, context.settings.halfOpenTimeoutMs), {
    label: 'half-open IKE SA',
    toleranceMs: 1_000,
    wake: 'process',
  });
  ask(context, session, { kind: 'generate-key', method: answer.method });
}

/** Whether we go on with a request: what to answer, or what the wire and our own log get instead. */
type InitVerdict =
  | { readonly ok: true; readonly answer: InitAnswer; readonly nat: NatStatus }
  | { readonly ok: false; readonly error: ProtocolError; readonly reason: string };

function judgeInit(
  context: EndpointContext,
  { header, payloads }: IkeMessage,
  { path, datagram }: { readonly path: Path; readonly datagram: Uint8Array },
): InitVerdict {
  const sa = findPayload(payloads, 'SA');
  const ke = findPayload(payloads, 'KE');
  const nonce = findPayload(payloads, 'Nonce');
  // RFC 7296 §3.10.1: INVALID_SYNTAX only inside an encrypted message, so here it is silence.
  if (!sa || !ke || !nonce) return malformed('IKE_SA_INIT request lacks SA, KE or Nonce');
  // RFC 7296 §2.10: between 16 and 256 bytes.
  if (nonce.data.length < 16 || nonce.data.length > 256) {
    return malformed(`IKE_SA_INIT nonce of ${nonce.data.length} bytes`);
  }
  const offered = withoutUnusable(sa.proposals, payloads);
  const proposal = chooseIkeProposal(context, offered, path, ke.method);
  if (!proposal) {
    const reason = refusalOf(context, offered, path);
    return { ok: false, error: { code: 'no-proposal-chosen' }, reason };
  }
  const method = proposal.transforms.find(({ type }) => type === TransformType.KE)?.id ?? 0;
  if (method !== ke.method) {
    const reason = otherKeyExchangeWanted('IKE_SA_INIT', ke.method, method);
    return { ok: false, error: { code: 'invalid-ke-payload', method }, reason };
  }
  const nat = readNatDetection(context.crypto, header, path, payloads);
  if (!nat) {
    const reason = natTraversalRefused(path).sentence;
    return { ok: false, error: { code: 'nat-traversal-refused' }, reason };
  }
  return {
    ok: true,
    nat,
    answer: {
      initRequest: datagram.slice(),
      initiatorSpi: header.initiatorSpi,
      initiatorNonce: nonce.data.slice(),
      peerPublicValue: ke.data.slice(),
      proposal,
      method,
      peerFragments: findNotify(payloads, NotifyType.IKEV2_FRAGMENTATION_SUPPORTED) !== undefined,
    },
  };
}

/** Additional key exchanges without the exchange that they run in count as unknown transform types. @see RFC 9370 §2.2.1 */
function withoutUnusable(
  offered: readonly Proposal[],
  payloads: readonly Payload[],
): readonly Proposal[] {
  if (findNotify(payloads, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED)) return offered;
  return offered.filter((proposal) => !hasAdditional(proposal));
}

function malformed(reason: string): InitVerdict {
  const error = { code: 'malformed', decode: 'malformed-payload', isProtected: false } as const;
  return { ok: false, error, reason };
}

/** Why no proposal was chosen, in a sentence. */
function refusalOf(context: EndpointContext, offered: readonly Proposal[], path: Path): string {
  const connections = connectionsForPath(context.connections, path);
  if (connections.length === 0) return noConnectionForPath(path).sentence;
  const own = connections.flatMap((connection) => connection.proposals);
  const ours = offerProposals(own, ProtocolId.IKE, new Uint8Array(0));
  return noProposalForPeer(offered, ours, 'IKE SA').sentence;
}

/** Our key exchange value is there: now the shared secret, so that an invalid value of the peer ends here. */
export function onResponseKeyGenerated(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'generating-response-key'>,
  answer: Answer,
): void {
  if (answer.kind !== 'generate-key') {
    endSession(context, session, ownWorkFailed('The key exchange', answerReason(answer)));
    return;
  }
  const { secret } = answer;
  const { peerPublicValue } = state.answer;
  const requestId = ask(context, session, { kind: 'agree-key', secret, peerPublicValue });
  moveTo(session, 'generating-response-key', {
    kind: 'agreeing-response-key',
    requestId,
    answer: state.answer,
    publicValue: secret.publicValue,
  });
}

/** The shared secret is there: answers, and keys the IKE SA. */
export function onResponseKeyAgreed(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'agreeing-response-key'>,
  answer: Answer,
): void {
  if (answer.kind !== 'agree-key') {
    endSession(context, session, ownWorkFailed('The key exchange', answerReason(answer)));
    return;
  }
  const { agreement } = answer;
  if (!agreement.ok) {
    endSession(context, session, keyExchangeInvalid(state.answer.method, agreement.code));
    return;
  }
  const { initiatorSpi, initiatorNonce, initRequest, proposal, peerFragments } = state.answer;
  const spis = { initiatorSpi, responderSpi: session.localSpi };
  const responderNonce = randomBytes(context.random, NONCE_BYTES);
  const { path, peerWishes } = session;
  session.fragmentation = peerFragments && announcesFragments(context, path);
  const payloads = initResponsePayloads(context, { ...state.answer, path, peerWishes }, spis, {
    publicValue: state.publicValue,
    nonce: responderNonce,
  });
  const initResponse = encodeInitResponse(spis, payloads);
  const transcript = { initRequest, initResponse, initiatorNonce, responderNonce };
  if (!keyIkeSa(context, session, spis, proposal.transforms, transcript, agreement.sharedSecret)) {
    endSession(context, session, ownWorkFailed('IKE_SA_INIT', 'an algorithm is not provided'));
    return;
  }
  session.initResponse = initResponse;
  const methods = additionalMethods(proposal.transforms);
  moveTo(
    session,
    'agreeing-response-key',
    methods.length > 0
      ? { kind: 'awaiting-intermediate-request', keys: firstAdditionalKeys(transcript, methods) }
      : { kind: 'awaiting-auth-request', transcript },
  );
  transmit(context, session, [initResponse], {
    exchange: 'IKE_SA_INIT',
    messageId: 0,
    isResponse: true,
    payloads: summarizePayloads(payloads),
    retransmission: false,
  });
}

/** Chooses a proposal for the connections of a path, in their order. Which of them it will be is known in IKE_AUTH only. */
function chooseIkeProposal(
  context: EndpointContext,
  offered: readonly Proposal[],
  path: Path,
  method: number,
): Proposal | undefined {
  for (const { proposals } of connectionsForPath(context.connections, path)) {
    const chosen = chooseProposal(offered, proposals, ProtocolId.IKE, method);
    if (chosen && ikeSuiteOf(context.crypto, chosen.proposal.transforms)) return chosen.proposal;
  }
  return undefined;
}
