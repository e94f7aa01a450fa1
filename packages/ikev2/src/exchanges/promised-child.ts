import type { KeyMaterial } from '@ipsec-kit/crypto';
import { NotifyType, notify, type Payload } from '@ipsec-kit/ikev2-codec';
import { keyChild, promiseChild } from '../child/answer-child.ts';
import { withNonce } from '../child/child-offer.ts';
import type { ChildSa } from '../child/child-sa.ts';
import { adoptChild, requestInstallation } from '../child/install-child.ts';
import type { NegotiatedChild } from '../child/negotiated-child.ts';
import { lowerNonce } from '../collisions/lowest-nonce.ts';
import { judge } from '../collisions/own-work.ts';
import type { Cell } from '../collisions/table.ts';
import { type EndpointContext, randomBytes } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import { eraseChildKeys } from '../keys/child-keys.ts';
import { additionalMethods } from '../negotiate/additional-key-exchanges.ts';
import { announceOpened, asReplacement } from '../reauth/reauth-child.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { NONCE_BYTES } from '../session/nonce-bytes.ts';
import type { ChildReply, OpenRequest } from './create-child-parts.ts';
import { respond, respondWithError } from './create-child-respond.ts';
import { type Answering, isMade } from './create-child-state.ts';
import { awaitSeries, type CompleteSeries } from './follow-up-responder.ts';

type AnsweringOf<Kind extends Answering['kind']> = Extract<Answering, { readonly kind: Kind }>;

/** What CREATE_CHILD_SA has promised of a Child SA. */
interface PromisedReply {
  readonly reply: ChildReply;
  readonly inboundSpi: number;
  readonly responderNonce: Uint8Array;
}

/** Promises the Child SA: it is made at once, or when the additional key exchanges that were chosen are over.
 * @see RFC 7296 §2.17, RFC 9370 §2.2.4
 */
export function promiseReply(
  context: EndpointContext,
  session: IkeSession,
  request: OpenRequest,
  reply: ChildReply,
  publicValue: Uint8Array | undefined,
  first: KeyMaterial | undefined,
): void {
  const { connection, proposal, method } = reply;
  const responderNonce = randomBytes(context.random, NONCE_BYTES);
  const promised = promiseChild(context, session, connection, chosenOf(reply));
  if (!promised.ok) {
    respondWithError(context, session, request, promised.error);
    return;
  }
  const { inboundSpi } = promised;
  const fresh: Payload[] = [{ type: 'Nonce', data: responderNonce }];
  if (method !== undefined && publicValue) fresh.push({ type: 'KE', method, data: publicValue });
  const payloads = withNonce(promised.payloads, fresh);
  const methods = additionalMethods(proposal.transforms);
  const promise = { reply, inboundSpi, responderNonce };
  if (methods.length === 0 || !first) {
    install(context, session, request, promise, payloads, first ? [first] : []);
  } else {
    promiseSeries(context, session, request, promise, payloads, methods, first);
  }
}

/** Answers with the link to the first of the exchanges that follow, unless what the request was about has changed meanwhile. */
function promiseSeries(
  context: EndpointContext,
  session: IkeSession,
  request: OpenRequest,
  { reply, inboundSpi, responderNonce }: PromisedReply,
  payloads: readonly Payload[],
  methods: readonly number[],
  first: KeyMaterial,
): void {
  const { target, isGone, verdict } = judgeReply(session, request, reply);
  if (isGone || verdict.answer !== 'as-usual') {
    first.erase();
    context.inboundChildSpis.delete(inboundSpi);
    respond(context, session, request, [notify(NotifyType.TEMPORARY_FAILURE)]);
    return;
  }
  const link = awaitSeries(context, session, {
    promised: { kind: 'child', reply, inboundSpi },
    sa: request.sa,
    responderNonce,
    methods,
    secrets: [first],
  });
  if (target && verdict.effect === 'compare-nonces') {
    const lowest = lowerNonce(reply.initiatorNonce, responderNonce);
    session.rival = { kind: 'child', oldChildId: target.id, childId: undefined, lowest };
  }
  respond(context, session, request, [...payloads, link]);
}

/** The additional key exchanges are over as well. @see RFC 9370 §2.2.4 */
export function completeChild(
  context: EndpointContext,
  session: IkeSession,
  { request, series, ke }: CompleteSeries,
): void {
  const { promised, responderNonce, secrets } = series;
  if (promised.kind !== 'child') return;
  if (session.rival && !isMade(session.rival)) session.rival = undefined;
  install(context, session, request, { ...promised, responderNonce }, [ke], secrets);
}

/** Keys the Child SA and has it installed before the response leaves: inbound at once, outbound with the response; or, where it
 * replaces another, only when the peer shows that it has it. @see RFC 7296 §2.8, §2.17
 */
function install(
  context: EndpointContext,
  session: IkeSession,
  request: OpenRequest,
  { reply, inboundSpi, responderNonce }: PromisedReply,
  payloads: readonly Payload[],
  secrets: readonly KeyMaterial[],
): void {
  const { connection, initiatorNonce, rekeys } = reply;
  const nonces = { initiatorNonce, responderNonce };
  const chosen = chosenOf(reply);
  const keyed = keyChild(context, request.sa, connection, chosen, inboundSpi, nonces, secrets);
  if (!keyed) {
    context.inboundChildSpis.delete(inboundSpi);
    respondWithError(context, session, request, { code: 'no-proposal-chosen' });
    return;
  }
  const child =
    rekeys === undefined
      ? { ...asMovedByPeer(session, keyed), isUnanswered: true, isFromPeer: true }
      : { ...keyed, replaces: rekeys, waitsForPeer: true };
  const requestId = requestInstallation(context, session, child);
  session.answering = {
    kind: 'installing-answered-child',
    requestId,
    request,
    reply,
    child,
    payloads,
    lowest: lowerNonce(initiatorNonce, responderNonce),
  };
}

function chosenOf(reply: ChildReply): Parameters<typeof promiseChild>[3] {
  const { config, local, remote, proposal, outboundSpi, peerTakesTfc, transportAddresses } = reply;
  const selectors = { local, remote };
  return { config, selectors, proposal, outboundSpi, peerTakesTfc, transportAddresses };
}

/** Who opened the IKE SA moves to it what a reauthentication has left on the old one; the other side asks for nothing but what
 * it wishes for.
 */
function asMovedByPeer(session: IkeSession, child: NegotiatedChild): NegotiatedChild {
  return session.role === 'responder' ? asReplacement(session, child, 'peer') : child;
}

/** The packet path has it: answers, unless what the request was about has changed meanwhile. */
export function onAnsweredChildInstalled(
  context: EndpointContext,
  session: IkeSession,
  { request, reply, child, payloads, lowest }: AnsweringOf<'installing-answered-child'>,
  answer: Answer,
): void {
  const isInstalled = answer.kind === 'install-child' && answer.ok;
  const { target, isGone, verdict } = judgeReply(session, request, reply);
  if (!isInstalled || isGone || verdict.answer !== 'as-usual') {
    context.inboundChildSpis.delete(child.inboundSpi);
    if (isInstalled) context.outputs.push({ kind: 'remove-child', childId: child.id });
    else eraseChildKeys(child.inboundKeys, child.outboundKeys);
    respond(context, session, request, [notify(NotifyType.TEMPORARY_FAILURE)]);
    return;
  }
  adoptChild(context, session, child);
  if (target) target.softAt = undefined;
  if (target && verdict.effect === 'compare-nonces') {
    session.rival = { kind: 'child', oldChildId: target.id, childId: child.id, lowest };
  }
  respond(context, session, request, payloads);
  if (!child.waitsForPeer) context.outputs.push({ kind: 'activate-child', childId: child.id });
  if (!target) announceOpened(context, session, child);
}

/** What the table of collisions says to what we are about to answer, as things stand now. */
function judgeReply(
  session: IkeSession,
  { sa }: OpenRequest,
  { rekeys }: ChildReply,
): { readonly target: ChildSa | undefined; readonly isGone: boolean; readonly verdict: Cell } {
  const target = rekeys === undefined ? undefined : session.children.get(rekeys);
  const isGone = rekeys !== undefined && !target;
  const kind = rekeys === undefined ? 'create-child' : 'rekey-child';
  return { target, isGone, verdict: judge(session, sa, kind, target) };
}
