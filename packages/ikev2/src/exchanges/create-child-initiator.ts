import type { KeyExchangeSecret, KeyMaterial } from '@ipsec-kit/crypto';
import { ExchangeType, NotifyType, notify, type Payload, ProtocolId } from '@ipsec-kit/ikev2-codec';
import { acceptChild } from '../child/accept-child.ts';
import {
  childOfferPayloads,
  furtherChildOffer,
  spiBytes,
  withNonce,
} from '../child/child-offer.ts';
import type { ChildSa } from '../child/child-sa.ts';
import { requestInstallation } from '../child/install-child.ts';
import type { NegotiatedChild } from '../child/negotiated-child.ts';
import { compareNonces, lowerNonce } from '../collisions/lowest-nonce.ts';
import { LATE, retryMoment } from '../collisions/retry-pause.ts';
import type { ChildConfig } from '../config.ts';
import {
  ask,
  type EndpointContext,
  randomBytes,
  reserveChildSpi,
} from '../endpoint/endpoint-context.ts';
import type { Answer, PacketSelectors } from '../endpoint-io.ts';
import { malformedFromPeer, ownWorkFailed } from '../errors/failures.ts';
import { keyExchangeInvalid } from '../errors/offer-failures.ts';
import { narrowedRekey } from '../errors/selector-failures.ts';
import { eraseChildKeys } from '../keys/child-keys.ts';
import { chosenMethod, methodsOf } from '../negotiate/proposals.ts';
import { isNarrower } from '../negotiate/selectors.ts';
import { findErrorNotify, findPayload, readNonce } from '../payloads/find-payload.ts';
import { movesOf } from '../reauth/left-behind.ts';
import { asReplacement } from '../reauth/reauth-child.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { NONCE_BYTES } from '../session/nonce-bytes.ts';
import { sendRequest } from '../session/send-message.ts';
import {
  endChildAttempt,
  failChildAttempt,
  onChildRefused,
  onDeletedEarly,
} from './create-child-refused.ts';
import type { ChildAttempt, Initiation } from './create-child-state.ts';

type InitiationOf<Kind extends Initiation['kind']> = Extract<Initiation, { readonly kind: Kind }>;

/** What a Child SA is asked for with. */
export interface ChildWish {
  readonly config: ChildConfig;
  /** The one to replace. */
  readonly rekeys?: ChildSa;
  /** The packet that wants it. */
  readonly packet?: PacketSelectors;
}

/** Begins a CREATE_CHILD_SA exchange for a Child SA: reserves its SPI, and asks for a key exchange value where the
 * proposals have one: of the method that the peer wanted last time.
 * @see RFC 7296 §1.3.1, §1.3.3
 */
export function beginChild(context: EndpointContext, session: IkeSession, wish: ChildWish): void {
  const { connection } = session;
  if (!connection) return;
  const { config, rekeys, packet } = wish;
  const inboundSpi = reserveChildSpi(context);
  const methods = methodsOf(config.proposals);
  const learned = session.learnedMethods.get(config.name);
  const method = learned !== undefined && methods.includes(learned) ? learned : methods[0];
  prepare(context, session, {
    connection,
    offer: furtherChildOffer(session, config, inboundSpi, rekeys, packet),
    inboundSpi,
    rekeys: rekeys?.id,
    packet,
    method,
    triedMethods: method === undefined ? [] : [method],
  });
}

/** Asks for the key exchange value, or sends the request at once when there is none to send. */
function prepare(context: EndpointContext, session: IkeSession, attempt: ChildAttempt): void {
  const { method } = attempt;
  if (method === undefined) {
    send(context, session, attempt, undefined);
    return;
  }
  const requestId = ask(context, session, { kind: 'generate-key', method });
  session.initiation = { kind: 'generating-child-key', requestId, attempt };
}

/** The key exchange value is there: sends the request. */
export function onChildKeyGenerated(
  context: EndpointContext,
  session: IkeSession,
  { attempt }: InitiationOf<'generating-child-key'>,
  answer: Answer,
): void {
  if (answer.kind === 'generate-key') send(context, session, attempt, answer.secret);
  else failChildAttempt(context, session, attempt, ownWorkFailed('The key exchange', why(answer)));
}

/** [N(REKEY_SA),] [N(USE_TRANSPORT_MODE),] SA, Ni, [KEi,] TSi, TSr. @see RFC 7296 §1.3.1, §1.3.3 */
function send(
  context: EndpointContext,
  session: IkeSession,
  attempt: ChildAttempt,
  secret: KeyExchangeSecret | undefined,
): void {
  const { sa, running } = session;
  const old = attempt.rekeys === undefined ? undefined : session.children.get(attempt.rekeys);
  // Since it was begun, the peer may have replaced it or asked to, or either side may have deleted it.
  const isWanted =
    attempt.rekeys === undefined ||
    (old !== undefined && isReplaceable(session, old) && session.state.kind === 'established');
  if (!sa || !running || !isWanted || session.isClosing) {
    endChildAttempt(context, session, attempt);
    return;
  }
  const nonce = randomBytes(context.random, NONCE_BYTES);
  const payloads: Payload[] = [];
  if (old) {
    const about = { protocol: ProtocolId.ESP, spi: spiBytes(old.inboundSpi) };
    payloads.push(notify(NotifyType.REKEY_SA, new Uint8Array(0), about));
  }
  const fresh: Payload[] = [{ type: 'Nonce', data: nonce }];
  if (secret) fresh.push({ type: 'KE', method: secret.method, data: secret.publicValue });
  payloads.push(...withNonce(childOfferPayloads(attempt.offer), fresh));
  // RFC 7296 §2.8: whoever answers may send on the new SA at once, and that may overtake the answer.
  context.outputs.push({ kind: 'reserve-spi', spi: attempt.inboundSpi });
  const messageId = sendRequest(context, session, sa, ExchangeType.CREATE_CHILD_SA, payloads, {
    notAfter: old?.expiresAt,
  });
  if (messageId === undefined) {
    endChildAttempt(context, session, attempt);
    return;
  }
  session.running = { ...running, messageId };
  session.initiation = { kind: 'awaiting-child-response', attempt, nonce, secret };
}

/** Whether a Child SA is one that we may replace: nobody deletes it, has replaced it, or is just being answered about it. */
export function isReplaceable(session: IkeSession, child: ChildSa): boolean {
  if (child.deleting !== undefined || child.replacedBy !== undefined) return false;
  const { answering } = session;
  return !(answering && 'rekeys' in answering.reply && answering.reply.rekeys === child.id);
}

/** The response, decrypted: an error, or the Child SA, for which the key exchange may still have to be finished.
 * @see RFC 7296 §1.3.1, §2.17
 */
export function onChildResponse(
  context: EndpointContext,
  session: IkeSession,
  state: InitiationOf<'awaiting-child-response'>,
  payloads: readonly Payload[],
): void {
  const { attempt, nonce, secret } = state;
  const error = findErrorNotify(payloads);
  if (error) {
    const retry = onChildRefused(context, session, attempt, error);
    if (retry) prepare(context, session, retry);
    return;
  }
  const method = chosenMethod(findPayload(payloads, 'SA')?.proposals[0]?.transforms ?? []);
  const ke = findPayload(payloads, 'KE');
  if (method === undefined) {
    finish(context, session, attempt, nonce, payloads, undefined);
  } else if (!secret || ke?.method !== method || secret.method !== method) {
    const detail = 'its key exchange is not the one that we sent';
    failAccepted(context, session, attempt, malformedFromPeer('answer for the Child SA', detail));
  } else {
    const peerPublicValue = ke.data.slice();
    const requestId = ask(context, session, { kind: 'agree-key', secret, peerPublicValue });
    session.initiation = {
      kind: 'agreeing-child-key',
      requestId,
      attempt,
      nonce,
      payloads,
    };
  }
}

/** The shared secret is there. */
export function onChildKeyAgreed(
  context: EndpointContext,
  session: IkeSession,
  { attempt, nonce, payloads }: InitiationOf<'agreeing-child-key'>,
  answer: Answer,
): void {
  if (answer.kind !== 'agree-key') {
    failAccepted(context, session, attempt, ownWorkFailed('The key exchange', why(answer)));
  } else if (!answer.agreement.ok) {
    const failure = keyExchangeInvalid(attempt.method ?? 0, answer.agreement.code);
    failAccepted(context, session, attempt, failure);
  } else {
    finish(context, session, attempt, nonce, payloads, answer.agreement.sharedSecret);
  }
}

/** Keys the Child SA and has it installed. When both sides have replaced the same one, the four nonces say whose stays;
 * the other still receives, until it is deleted. @see RFC 7296 §2.8.1
 */
function finish(
  context: EndpointContext,
  session: IkeSession,
  attempt: ChildAttempt,
  nonce: Uint8Array,
  payloads: readonly Payload[],
  sharedSecret: KeyMaterial | undefined,
): void {
  const { sa } = session;
  const { connection, offer, inboundSpi, rekeys } = attempt;
  const responderNonce = readNonce(payloads);
  if (!sa || !responderNonce) {
    const failure = malformedFromPeer('answer for the Child SA', 'it has no valid nonce');
    failAccepted(context, session, attempt, failure);
    return;
  }
  const nonces = { initiatorNonce: nonce, responderNonce };
  const result = acceptChild(
    context,
    sa,
    connection,
    offer,
    inboundSpi,
    nonces,
    payloads,
    sharedSecret,
  );
  if (!result.ok) {
    failAccepted(context, session, attempt, result.failure);
    return;
  }
  const { localSelectors: local, remoteSelectors: remote } = result.child;
  // RFC 7296 §2.9.2: a responder MUST NOT narrow what is in use; what the old one carries would be dropped.
  if (rekeys !== undefined && isNarrower({ local, remote }, offer)) {
    eraseChildKeys(result.child.inboundKeys, result.child.outboundKeys);
    failAccepted(context, session, attempt, narrowedRekey(local, remote));
    return;
  }
  if (session.deletedEarly.has(result.child.outboundSpi)) {
    onDeletedEarly(context, session, attempt);
    return;
  }
  const lowest = lowerNonce(nonce, responderNonce);
  const isRedundant = losesAgainstRival(session, rekeys, lowest);
  const child =
    rekeys === undefined
      ? asMoved(session, result.child)
      : { ...result.child, replaces: rekeys, isRedundant };
  const requestId = requestInstallation(context, session, child);
  session.initiation = { kind: 'installing-child', requestId, attempt, child, lowest };
}

/** What a reauthentication moves takes the place of what it moves; what was wished for stands beside it. */
function asMoved(session: IkeSession, child: NegotiatedChild): NegotiatedChild {
  return movesOf(session) === undefined ? child : asReplacement(session, child, 'local');
}

/** Whether our replacement of a Child SA has the lowest of the four nonces. It has so for good: by the time that a late
 * answer comes, the peer's may itself have been replaced, or be closed. @see RFC 7296 §2.8.1
 */
function losesAgainstRival(
  { rival }: IkeSession,
  rekeys: number | undefined,
  lowest: Uint8Array,
): boolean {
  if (rival?.kind !== 'child' || rival.oldChildId !== rekeys) return false;
  return compareNonces(lowest, rival.lowest) < 0;
}

/** The peer has the Child SA, we cannot have it: it is deleted there. */
function failAccepted(
  context: EndpointContext,
  session: IkeSession,
  attempt: ChildAttempt,
  failure: Parameters<typeof failChildAttempt>[3],
): void {
  session.queue.unshift({ kind: 'withdraw-child', inboundSpi: attempt.inboundSpi });
  // Asked the same again, it would mostly answer the same.
  failChildAttempt(context, session, attempt, failure, retryMoment(context, LATE));
}

function why(answer: Answer): string {
  return answer.kind === 'failed' ? answer.reason : `unexpected answer ${answer.kind}`;
}
