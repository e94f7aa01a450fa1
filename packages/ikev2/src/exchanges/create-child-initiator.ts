import type { KeyExchangeSecret } from '@ipsec-kit/crypto';
import {
  ExchangeType,
  type NotifyPayload,
  NotifyType,
  notify,
  type Payload,
  ProtocolId,
} from '@ipsec-kit/ikev2-codec';
import {
  childOfferPayloads,
  furtherChildOffer,
  spiBytes,
  withNonce,
} from '../child/child-offer.ts';
import type { ChildSa } from '../child/child-sa.ts';
import type { ChildConfig } from '../config.ts';
import {
  ask,
  type EndpointContext,
  randomBytes,
  reserveChildSpi,
} from '../endpoint/endpoint-context.ts';
import type { PacketSelectors } from '../endpoint-io.ts';
import type { Answer } from '../endpoint-work.ts';
import { answerReason } from '../errors/answer-reason.ts';
import { malformedFromPeer, ownWorkFailed } from '../errors/failures.ts';
import { keyExchangeInvalid } from '../errors/offer-failures.ts';
import { additionalMethods } from '../negotiate/additional-key-exchanges.ts';
import { chosenMethod, methodsOf } from '../negotiate/proposals.ts';
import { findErrorNotify, findPayload } from '../payloads/find-payload.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { NONCE_BYTES } from '../session/nonce-bytes.ts';
import { sendRequest } from '../session/send-message.ts';
import { failAccepted, finishChild, goOnWithChild } from './create-child-finish.ts';
import type { ChildAttempt } from './create-child-parts.ts';
import { endChildAttempt, failChildAttempt, onChildRefused } from './create-child-refused.ts';
import type { InitiationOf } from './create-child-state.ts';

/** What a Child SA is asked for with. */
export interface ChildWish {
  readonly config: ChildConfig;
  /** The one to replace. */
  readonly rekeys?: ChildSa;
  /** The origin of the one that a reauthentication moves. */
  readonly moves?: number | undefined;
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
  const { config, rekeys, moves: origin, packet } = wish;
  const inboundSpi = reserveChildSpi(context, session);
  const methods = methodsOf(config.proposals);
  const learned = session.learnedMethods.get(config.name);
  const method = learned !== undefined && methods.includes(learned) ? learned : methods[0];
  prepare(context, session, {
    connection,
    offer: furtherChildOffer(session, config, inboundSpi, rekeys, packet),
    inboundSpi,
    rekeys: rekeys?.id,
    old: rekeys,
    moves: origin === undefined ? undefined : { origin, before: context.nextChildId },
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
  else
    failChildAttempt(
      context,
      session,
      attempt,
      ownWorkFailed('The key exchange', answerReason(answer)),
    );
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
    onChildError(context, session, attempt, error);
    return;
  }
  const method = chosenMethod(findPayload(payloads, 'SA')?.proposals[0]?.transforms ?? []);
  const ke = findPayload(payloads, 'KE');
  if (method === undefined) {
    finishChild(context, session, { attempt, nonce, payloads }, []);
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

/** The peer has refused it, or an exchange that follows: again with another key exchange, later, or not at all. */
export function onChildError(
  context: EndpointContext,
  session: IkeSession,
  attempt: ChildAttempt,
  error: NotifyPayload,
): void {
  const retry = onChildRefused(context, session, attempt, error);
  if (retry) prepare(context, session, retry);
}

/** The shared secret is there. */
export function onChildKeyAgreed(
  context: EndpointContext,
  session: IkeSession,
  { attempt, nonce, payloads }: InitiationOf<'agreeing-child-key'>,
  answer: Answer,
): void {
  if (answer.kind !== 'agree-key') {
    failAccepted(
      context,
      session,
      attempt,
      ownWorkFailed('The key exchange', answerReason(answer)),
    );
  } else if (!answer.agreement.ok) {
    const failure = keyExchangeInvalid(attempt.method ?? 0, answer.agreement.code);
    failAccepted(context, session, attempt, failure);
  } else {
    const accepted = { attempt, nonce, payloads };
    const proposals = findPayload(payloads, 'SA')?.proposals ?? [];
    const methods = additionalMethods(proposals[0]?.transforms ?? []);
    const { sharedSecret } = answer.agreement;
    if (methods.length === 0) finishChild(context, session, accepted, [sharedSecret]);
    else goOnWithChild(context, session, accepted, methods, sharedSecret);
  }
}
