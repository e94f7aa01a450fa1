import type { Payload } from '@ipsec-kit/ikev2-codec';
import { sessionHosts } from '../child/child-offer.ts';
import type { ChildSa } from '../child/child-sa.ts';
import { chooseChild } from '../child/choose-child.ts';
import type { ChildConfig } from '../config.ts';
import { ask, type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import { otherKeyExchangeWanted } from '../errors/offer-failures.ts';
import { rekeyNarrowedByPeer } from '../errors/selector-failures.ts';
import type { ProtocolError } from '../errors/wire-answer.ts';
import { chosenMethod, furtherChildProposals } from '../negotiate/proposals.ts';
import { isNarrower, type NarrowedSelectors, resolveSelectors } from '../negotiate/selectors.ts';
import { atHost, hostSelectors } from '../negotiate/transport-mode.ts';
import { findPayload } from '../payloads/find-payload.ts';
import { isBeingClosed } from '../reauth/reauth-child.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { ChildReply, OpenRequest } from './create-child-parts.ts';
import { respondWithError } from './create-child-respond.ts';
import type { Answering } from './create-child-state.ts';
import { promiseReply } from './promised-child.ts';

/** Child SAs of one IKE SA where the settings say nothing. */
const DEFAULT_MAX_CHILDREN = 64;

type AnsweringOf<Kind extends Answering['kind']> = Extract<Answering, { readonly kind: Kind }>;

/** A request for a Child SA, or for one that replaces `target`: chooses, and begins the key exchange where the chosen
 * proposal has one.
 * @returns an error when it lacks selectors.
 * @see RFC 7296 §1.3.1, §1.3.3, §2.9
 */
export function answerChildRequest(
  context: EndpointContext,
  session: IkeSession,
  request: OpenRequest,
  payloads: readonly Payload[],
  initiatorNonce: Uint8Array,
  target: ChildSa | undefined,
): ProtocolError | undefined {
  const { connection } = session;
  const missing = (['TSi', 'TSr'] as const).find((type) => !findPayload(payloads, type));
  if (missing) return { code: 'missing-payload', payload: missing };
  const limit = context.settings.maxChildren ?? DEFAULT_MAX_CHILDREN;
  if (!connection || (!target && session.children.size >= limit)) {
    const reason = `${session.children.size} Child SAs are as many as one IKE SA may have here`;
    respondWithError(context, session, request, { code: 'no-additional-sas' }, reason);
    return undefined;
  }
  if (session.children.size >= 2 * limit) {
    // Every one of them may be replaced at once; a peer that deletes nothing of what it replaces must not go on for ever.
    respondWithError(context, session, request, { code: 'temporary-failure' });
    return undefined;
  }
  const candidates = (target ? [target.config] : connection.children).map((config) => ({
    config,
    proposals: furtherChildProposals(config.proposals),
    selectors: allowedSelectors(session, config, target),
    transport: transportSelectors(session, config, target),
  }));
  const ke = findPayload(payloads, 'KE');
  const chosen = chooseChild(context, session, connection, candidates, payloads, ke?.method);
  if (!chosen.ok) {
    const { name, failure } = chosen;
    respondWithError(context, session, request, chosen.error, target && failure.sentence);
    if (!target) {
      raise(context, { kind: 'child-failed', sessionId: session.id, name, failure });
    }
    return undefined;
  }
  const { localSelectors = [], remoteSelectors = [] } = target ?? {};
  if (target && isNarrower(chosen.selectors, { local: localSelectors, remote: remoteSelectors })) {
    // RFC 7296 §2.9.2: what the old one carries would be dropped.
    const { sentence } = rekeyNarrowedByPeer(chosen.selectors, {
      local: localSelectors,
      remote: remoteSelectors,
    });
    respondWithError(context, session, request, { code: 'ts-unacceptable' }, sentence);
    return undefined;
  }
  const { local, remote } = chosen.selectors;
  const asked = { config: chosen.config, localSelectors: local, remoteSelectors: remote };
  if (!target && isBeingClosed(session, asked)) {
    respondWithError(context, session, request, { code: 'temporary-failure' });
    return undefined;
  }
  const method = chosenMethod(chosen.proposal.transforms);
  if (method !== undefined && ke?.method !== method) {
    // RFC 7296 §1.3.1: names the method that is wanted; the peer asks again with it.
    const reason = otherKeyExchangeWanted('CREATE_CHILD_SA', ke?.method, method);
    respondWithError(context, session, request, { code: 'invalid-ke-payload', method }, reason);
    return undefined;
  }
  prepare(context, session, request, {
    connection,
    config: chosen.config,
    proposal: chosen.proposal,
    outboundSpi: chosen.outboundSpi,
    peerTakesTfc: chosen.peerTakesTfc,
    local,
    remote,
    transportAddresses: chosen.transportAddresses,
    rekeys: target?.id,
    initiatorNonce,
    method,
    peerPublicValue: ke?.data.slice(),
  });
  return undefined;
}

/** What the configuration allows, and what a Child SA that is replaced has: its selectors in use are never narrowed.
 * @see RFC 7296 §2.9.2
 */
function allowedSelectors(
  session: IkeSession,
  config: ChildConfig,
  target: ChildSa | undefined,
): NarrowedSelectors {
  const hosts = sessionHosts(session);
  return {
    local: [
      ...resolveSelectors(config.localSelectors, hosts.local),
      ...(target?.localSelectors ?? []),
    ],
    remote: [
      ...resolveSelectors(config.remoteSelectors, hosts.remote),
      ...(target?.remoteSelectors ?? []),
    ],
  };
}

/** The same in transport mode. A rekey keeps the mode of what it replaces. @see RFC 7296 §1.3.3 */
function transportSelectors(
  { path }: IkeSession,
  config: ChildConfig,
  target: ChildSa | undefined,
): NarrowedSelectors | undefined {
  if ((target ?? config).mode !== 'transport') return undefined;
  const allowed = hostSelectors(config.localSelectors, config.remoteSelectors, path);
  return {
    local: [...(allowed?.local ?? []), ...atHost(target?.localSelectors ?? [], path.local.address)],
    remote: [
      ...(allowed?.remote ?? []),
      ...atHost(target?.remoteSelectors ?? [], path.remote.address),
    ],
  };
}

function prepare(
  context: EndpointContext,
  session: IkeSession,
  request: OpenRequest,
  reply: ChildReply,
): void {
  const { method } = reply;
  if (method === undefined) {
    promiseReply(context, session, request, reply, undefined, undefined);
    return;
  }
  const requestId = ask(context, session, { kind: 'generate-key', method });
  session.answering = { kind: 'generating-child-answer-key', requestId, request, reply };
}

/** Our key exchange value is there: now the shared secret. */
export function onChildAnswerKeyGenerated(
  context: EndpointContext,
  session: IkeSession,
  { request, reply }: AnsweringOf<'generating-child-answer-key'>,
  answer: Answer,
): void {
  const { peerPublicValue } = reply;
  if (answer.kind !== 'generate-key' || !peerPublicValue) {
    respondWithError(context, session, request, { code: 'temporary-failure' });
    return;
  }
  const { secret } = answer;
  const requestId = ask(context, session, { kind: 'agree-key', secret, peerPublicValue });
  const { publicValue } = secret;
  session.answering = {
    kind: 'agreeing-child-answer-key',
    requestId,
    request,
    reply,
    publicValue,
  };
}

/** The shared secret is there. */
export function onChildAnswerKeyAgreed(
  context: EndpointContext,
  session: IkeSession,
  { request, reply, publicValue }: AnsweringOf<'agreeing-child-answer-key'>,
  answer: Answer,
): void {
  if (answer.kind !== 'agree-key') {
    respondWithError(context, session, request, { code: 'temporary-failure' });
  } else if (!answer.agreement.ok) {
    // The value is unusable, and another one of the same method would be welcome.
    const method = reply.method ?? 0;
    respondWithError(context, session, request, { code: 'invalid-ke-payload', method });
  } else {
    promiseReply(context, session, request, reply, publicValue, answer.agreement.sharedSecret);
  }
}
