import { addMs } from '@ipsec-kit/clock';
import type { KeyExchangeSecret } from '@ipsec-kit/crypto';
import {
  ExchangeType,
  encodeMessage,
  findNotify,
  type IkeMessage,
  NotifyType,
  notifyUint16,
} from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import { RequestWindow } from '@ipsec-kit/retransmit';
import type { ConnectionConfig } from '../config.ts';
import { ask, type EndpointContext, randomBytes, setTimer } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import { answerReason } from '../errors/answer-reason.ts';
import { CHILDLESS_REFUSED } from '../errors/endings.ts';
import { natTraversalRefused, ownWorkFailed } from '../errors/failures.ts';
import { keyExchangeRefused, noOwnPpk } from '../errors/offer-failures.ts';
import type { SessionFailure } from '../events.ts';
import { readNatDetection } from '../nat/nat-detection.ts';
import { findPayload } from '../payloads/find-payload.ts';
import { summarizePayloads } from '../payloads/payload-summary.ts';
import { readPeerWishes } from '../proof/peer-wishes.ts';
import { endSession } from '../session/close-session.ts';
import { headerOf } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { initNonceBytes } from '../session/nonce-bytes.ts';
import { armRetransmission, startRequest, transmit } from '../session/send-message.ts';
import { type InitOffer, moveTo, type StateOf } from '../session/session-state.ts';
import { initFailure, initPayloads, keyExchangeMethods } from './init-messages.ts';

/** How long an unauthenticated refusal waits for a better answer. A forger who wants to stop us must suppress
 * the true answer for as long. @see RFC 7296 §2.21.1 (the recipient should continue trying for some time)
 */
export const REFUSAL_GRACE_MS: number = 1_000;

/** Cookies that one attempt takes before it counts further ones as noise. */
const MAX_COOKIE_ROUNDS = 8;
/** A cookie is between 1 and 64 bytes long. @see RFC 7296 §2.6 */
const MAX_COOKIE_BYTES = 64;

/** Starts the first exchange: chooses the key exchange method and asks for its public value. */
export function beginInit(
  context: EndpointContext,
  session: IkeSession,
  connection: ConnectionConfig,
): void {
  const [method] = keyExchangeMethods(connection);
  if (method === undefined) {
    endSession(
      context,
      session,
      ownWorkFailed('IKE_SA_INIT', 'no proposal of the connection has a key exchange'),
    );
    return;
  }
  session.ppk = 'none';
  if (connection.ppk?.required && !connection.ppk.own) {
    endSession(context, session, noOwnPpk(connection.name));
    return;
  }
  session.requests = new RequestWindow({
    policy: context.settings.retransmit,
    jitterFraction: context.jitter,
    firstMessageId: 0,
  });
  const offer: InitOffer = {
    initiatorSpi: session.localSpi,
    nonce: randomBytes(context.random, initNonceBytes(method)),
    method,
    triedMethods: [method],
    cookie: undefined,
    cookieRounds: 0,
  };
  const requestId = ask(context, session, { kind: 'generate-key', method });
  session.state = { kind: 'generating-key', requestId, offer };
}

/** The key exchange value is there: sends the request. */
export function onKeyGenerated(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'generating-key'>,
  answer: Answer,
): void {
  if (answer.kind !== 'generate-key') {
    endSession(context, session, ownWorkFailed('The key exchange', answerReason(answer)));
    return;
  }
  const initRequest = sendInit(context, session, state.offer, answer.secret);
  moveTo(session, 'generating-key', {
    kind: 'awaiting-init-response',
    offer: state.offer,
    secret: answer.secret,
    initRequest,
    refusal: undefined,
  });
}

/** A message with our SPI came back in IKE_SA_INIT. Nothing in it is authenticated. */
export function onInitResponse(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'awaiting-init-response'>,
  message: IkeMessage,
  datagram: Uint8Array,
  path: Path,
): void {
  const { payloads } = message;
  const cookie = findNotify(payloads, NotifyType.COOKIE);
  if (cookie) {
    retryWithCookie(context, session, state, cookie.data);
    return;
  }
  const wanted = findNotify(payloads, NotifyType.INVALID_KE_PAYLOAD);
  if (wanted) {
    retryWithMethod(context, session, state, notifyUint16(wanted) ?? 0);
    return;
  }
  const failure = initFailure(session, state, message);
  if (failure) {
    refuseLater(context, session, failure);
    return;
  }
  acceptInitResponse(context, session, state, message, datagram, path);
}

/** Nothing better came: believes the refusal. */
export function onRefusalGraceOver(context: EndpointContext, session: IkeSession): void {
  const { state } = session;
  if (state.kind === 'awaiting-init-response' && state.refusal) {
    endSession(context, session, state.refusal);
  }
}

function acceptInitResponse(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'awaiting-init-response'>,
  message: IkeMessage,
  datagram: Uint8Array,
  path: Path,
): void {
  const { header, payloads } = message;
  const nat = readNatDetection(context.crypto, header, path, payloads);
  const sa = findPayload(payloads, 'SA');
  const ke = findPayload(payloads, 'KE');
  const nonce = findPayload(payloads, 'Nonce');
  const proposal = sa?.proposals[0];
  if (!nat) {
    refuseLater(context, session, natTraversalRefused(session.path));
    return;
  }
  if (!ke || !nonce || !proposal) return;
  session.requests.acknowledge(0);
  session.outstanding = undefined;
  armRetransmission(context, session);
  context.deadlines.clear(session.id, 'init-refusal');
  session.nat = nat;
  session.peerWishes = readPeerWishes(payloads);
  if (session.connection?.ppk?.own && session.peerWishes.usesPpk) session.ppk = 'announced';
  session.peerIsChildless =
    findNotify(payloads, NotifyType.CHILDLESS_IKEV2_SUPPORTED) !== undefined;
  if (session.connection?.childless === 'force' && !session.peerIsChildless) {
    endSession(context, session, CHILDLESS_REFUSED);
    return;
  }
  session.fragmentation =
    session.connection?.fragmentation !== 'no' &&
    findNotify(payloads, NotifyType.IKEV2_FRAGMENTATION_SUPPORTED) !== undefined;
  const requestId = ask(context, session, {
    kind: 'agree-key',
    secret: state.secret,
    peerPublicValue: ke.data.slice(),
  });
  moveTo(session, 'awaiting-init-response', {
    kind: 'agreeing-key',
    requestId,
    transcript: {
      initRequest: state.initRequest,
      initResponse: datagram.slice(),
      initiatorNonce: state.offer.nonce,
      responderNonce: nonce.data.slice(),
    },
    initiatorSpi: header.initiatorSpi,
    responderSpi: header.responderSpi,
    proposal,
  });
}

/** A refusal that nobody has signed: it counts when no better answer comes within {@link REFUSAL_GRACE_MS}. */
function refuseLater(context: EndpointContext, session: IkeSession, refusal: SessionFailure): void {
  const { state } = session;
  if (state.kind !== 'awaiting-init-response' || state.refusal) return;
  moveTo(session, 'awaiting-init-response', { ...state, refusal });
  setTimer(context, session, 'init-refusal', addMs(context.now, REFUSAL_GRACE_MS), {
    label: 'refusal of IKE_SA_INIT',
  });
}

/** The same request again, with the cookie in front. @see RFC 7296 §2.6 */
function retryWithCookie(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'awaiting-init-response'>,
  cookie: Uint8Array,
): void {
  const { offer, secret } = state;
  if (cookie.length === 0 || cookie.length > MAX_COOKIE_BYTES) return;
  if (offer.cookieRounds >= MAX_COOKIE_ROUNDS) return;
  const next = { ...offer, cookie: cookie.slice(), cookieRounds: offer.cookieRounds + 1 };
  const initRequest = sendInit(context, session, next, secret);
  moveTo(session, 'awaiting-init-response', { ...state, offer: next, initRequest });
}

/** The same offer with another key exchange: one of our own proposals, and not one that was refused before,
 * so that a forger cannot send us round in circles or to a method we would not offer.
 * The proposals stay complete, against a downgrade. @see RFC 7296 §1.2, §2.6.1, §3.3.6
 */
function retryWithMethod(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'awaiting-init-response'>,
  method: number,
): void {
  const { offer } = state;
  const [, ...askedFor] = offer.triedMethods;
  // A late copy of the answer that made us try it; the one to the present request may be lost, and is asked for again.
  if (askedFor.includes(method)) return;
  const own = session.connection ? keyExchangeMethods(session.connection) : [];
  if (!own.includes(method) || offer.triedMethods.includes(method)) {
    refuseLater(context, session, keyExchangeRefused(method, own));
    return;
  }
  // The outstanding request is not sent again while the new value is computed.
  context.deadlines.clear(session.id, 'retransmit');
  context.deadlines.clear(session.id, 'init-refusal');
  const requestId = ask(context, session, { kind: 'generate-key', method });
  moveTo(session, 'awaiting-init-response', {
    kind: 'generating-key',
    requestId,
    offer: { ...offer, method, triedMethods: [...offer.triedMethods, method] },
  });
}

/** Builds and sends the IKE_SA_INIT request; a retry takes the place of the request that is out, under message id 0. */
function sendInit(
  context: EndpointContext,
  session: IkeSession,
  offer: InitOffer,
  secret: KeyExchangeSecret,
): Uint8Array {
  const payloads = initPayloads(context, session, offer, secret);
  const spis = { initiatorSpi: offer.initiatorSpi, responderSpi: 0n };
  const header = headerOf(
    { ...spis, isInitiator: true },
    { exchangeType: ExchangeType.IKE_SA_INIT, isResponse: false, messageId: 0 },
  );
  const datagram = encodeMessage({ header, payloads });
  if (session.requests.replaceInitial(context.now, [datagram])) {
    const exchange = 'IKE_SA_INIT';
    const summary = summarizePayloads(payloads);
    session.outstanding = { exchange, payloads: summary };
    transmit(context, session, [datagram], {
      exchange,
      messageId: 0,
      isResponse: false,
      payloads: summary,
      retransmission: false,
    });
    armRetransmission(context, session);
  } else {
    startRequest(context, session, 'IKE_SA_INIT', [datagram], payloads);
  }
  return datagram;
}
