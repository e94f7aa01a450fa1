import {
  decodeHeader,
  decodeMessage,
  ExchangeType,
  findNotify,
  type IkeHeader,
  type IkeMessage,
  NotifyType,
  unsupportedCriticalPayload,
} from '@ipsec-kit/ikev2-codec';
import { endpointsEqual, type Path } from '@ipsec-kit/ip';
import { readChildSpi } from '../child/child-offer.ts';
import { onInitResponse } from '../exchanges/ike-sa-init-initiator.ts';
import { answerInit } from '../exchanges/ike-sa-init-responder.ts';
import { onProtectedDatagram, onUnprotectedHint } from '../exchanges/protected-message.ts';
import { earnFrom, noteAnswered } from '../mobike/verified-address.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { narrateReceived } from '../session/narrate.ts';
import { transmit } from '../session/send-message.ts';
import { hasCookie } from './ask-for-cookie.ts';
import type { EndpointContext } from './endpoint-context.ts';
import { type RejectedMessage, refuseUnverified, reject } from './unprotected-answers.ts';

/** What every datagram brings with it. */
interface Arrival extends RejectedMessage {
  readonly datagram: Uint8Array;
}

/** Finds the session of a datagram by its SPIs, or what to do without one.
 * @see RFC 7296 §2.5 (versions), §2.6 (SPIs), §2.21.4 (outside of an IKE SA)
 */
export function receiveDatagram(
  context: EndpointContext,
  path: Path,
  datagram: Uint8Array,
  marker: boolean,
): void {
  const decoded = decodeHeader(datagram);
  if (!decoded.ok) {
    const { header, code, detail } = decoded.error;
    // RFC 7296 §2.5: only a higher major version deserves an answer.
    if (code === 'unsupported-major-version' && header && header.majorVersion > 2) {
      const message = { header, path, marker, bytes: datagram.length };
      refuseUnverified(context, message, { code }, detail);
    } else if (code === 'zero-initiator-spi' && header) {
      // RFC 7296 §1.5: allowed in the one message that is about no IKE SA.
      const legible = datagram.slice();
      legible[7] = 1;
      const message = { header, path, marker, bytes: datagram.length, datagram: legible };
      if (!isAboutEsp(context, message)) reject(context, path, detail);
    } else {
      reject(context, path, detail);
    }
    return;
  }
  const header = decoded.value;
  const arrival: Arrival = { header, path, marker, bytes: datagram.length, datagram };
  if (header.exchangeType === ExchangeType.IKE_SA_INIT) receiveInit(context, arrival);
  else receiveForSa(context, arrival);
}

function receiveForSa(context: EndpointContext, arrival: Arrival): void {
  const { header, path, marker, datagram } = arrival;
  const session = context.sessionsBySpi.get(spiOfOurs(header));
  if (!session) {
    if (isAboutEsp(context, arrival)) return;
    const reason = 'message for an IKE SA that is not known';
    refuseUnverified(context, arrival, { code: 'unknown-ike-spi' }, reason);
    return;
  }
  const sa = findIkeSa(session, header);
  if (!sa) {
    reject(context, path, 'SPIs do not belong together, or the IKE SA has no keys yet');
    return;
  }
  if (isHint(arrival)) {
    reject(context, path, 'unprotected notification for an IKE SA');
    onUnprotectedHint(context, session);
    return;
  }
  onProtectedDatagram(context, session, sa, { header, data: datagram, path, marker });
}

/** Our SPI in a header. The I flag says which of the two that is: it is set by the original initiator, whose messages carry
 * our SPI as the responder's. @see RFC 7296 §3.1
 */
function spiOfOurs(header: IkeHeader): bigint {
  return header.isInitiator ? header.responderSpi : header.initiatorSpi;
}

/** The IKE SA of a session that a message is for: its own, one that it has replaced, or the peer's replacement that may
 * become its own.
 */
function findIkeSa(session: IkeSession, header: IkeHeader): IkeSa | undefined {
  const { sa, replaced, rival } = session;
  const known = [
    sa,
    ...replaced.map((entry) => entry.sa),
    rival?.kind === 'ike' ? rival.sa : undefined,
  ];
  return known.find(
    (candidate) =>
      candidate !== undefined &&
      candidate.isInitiator !== header.isInitiator &&
      candidate.initiatorSpi === header.initiatorSpi &&
      candidate.responderSpi === header.responderSpi,
  );
}

/** INVALID_SPI outside of an IKE SA: the peer, or anybody, says that it does not know an ESP SPI of ours. It changes nothing,
 * but is a hint to ask whether the peer is still there. @see RFC 7296 §1.5, §2.21.4
 */
function isAboutEsp(context: EndpointContext, { header, path, datagram }: Arrival): boolean {
  if (header.exchangeType !== ExchangeType.INFORMATIONAL || header.isResponse) return false;
  const message = decodeMessage(datagram);
  const hint = message.ok && findNotify(message.value.payloads, NotifyType.INVALID_SPI);
  if (!hint) return false;
  reject(context, path, 'unprotected INVALID_SPI');
  const spi = readChildSpi(hint.data);
  if (spi === undefined || !context.spiHints.take(context.now)) return true;
  for (const session of context.sessions.values()) {
    if (!endpointsEqual(session.path.remote, path.remote)) continue;
    for (const child of session.children.values()) {
      if (child.outboundSpi === spi) onUnprotectedHint(context, session);
    }
  }
  return true;
}

function isHint({ header, datagram }: Arrival): boolean {
  if (!header.isResponse) return false;
  const message = decodeMessage(datagram);
  return message.ok && findNotify(message.value.payloads, NotifyType.INVALID_IKE_SPI) !== undefined;
}

function receiveInit(context: EndpointContext, arrival: Arrival): void {
  const { header, path } = arrival;
  if (header.messageId !== 0 || header.isInitiator === header.isResponse) {
    reject(context, path, 'IKE_SA_INIT with a message id or flags that it cannot have');
  } else if (header.isResponse) {
    receiveInitResponse(context, arrival);
  } else if (header.responderSpi !== 0n) {
    reject(context, path, 'IKE_SA_INIT request with an SPI of the responder');
  } else {
    receiveInitRequest(context, arrival);
  }
}

function receiveInitResponse(context: EndpointContext, arrival: Arrival): void {
  const { header, path, datagram } = arrival;
  const session = context.sessionsBySpi.get(header.initiatorSpi);
  const message = decodeMessage(datagram);
  if (session?.role !== 'initiator' || session.state.kind !== 'awaiting-init-response') {
    reject(context, path, 'IKE_SA_INIT response that nobody waits for');
  } else if (!message.ok) {
    reject(context, path, message.error.detail);
  } else if (unsupportedCriticalPayload(message.value.payloads) !== undefined) {
    // RFC 7296 §2.5: in a response nobody can be told; a better answer may still come.
    reject(context, path, 'IKE_SA_INIT response with an unknown critical payload');
  } else {
    const { payloads } = message.value;
    const sentAt = session.requests.outstanding[0]?.firstSentAt ?? context.now;
    narrateReceived(context, session, {
      header,
      payloads,
      bytes: datagram.length,
      path,
      fragments: 1,
      retransmission: false,
      roundTripMs: context.now - sentAt,
    });
    onInitResponse(context, session, session.state, message.value, datagram, path);
  }
}

function receiveInitRequest(context: EndpointContext, arrival: Arrival): void {
  const { path, datagram } = arrival;
  const initHash = Array.from(context.crypto.sha1(datagram)).join('.');
  const known = context.sessionsByInitHash.get(initHash);
  if (known) {
    repeatInitResponse(context, known, arrival);
    return;
  }
  const overload = overloadOf(context, path);
  if (overload) {
    refuseUnverified(context, arrival, { code: 'too-many-sessions' }, overload);
    return;
  }
  const message = decodeMessage(datagram);
  if (!message.ok) {
    const { code: decode, detail } = message.error;
    refuseUnverified(context, arrival, { code: 'malformed', decode, isProtected: false }, detail);
    return;
  }
  const payloadType = unsupportedCriticalPayload(message.value.payloads);
  if (payloadType !== undefined) {
    const error = { code: 'unsupported-critical-payload', payloadType } as const;
    const reason = `IKE_SA_INIT request with unknown critical payload ${payloadType}`;
    refuseUnverified(context, arrival, error, reason);
    return;
  }
  if (!hasCookieIfNeeded(context, arrival, message.value)) return;
  answerInit(context, message.value, arrival, initHash);
}

/** A retransmission: the same response again, to where this copy came from, or silence while it is being computed. @see RFC 7296 §2.1 */
function repeatInitResponse(context: EndpointContext, session: IkeSession, arrival: Arrival): void {
  const { initResponse } = session;
  const { kind } = session.state;
  if (!initResponse) return;
  if (kind !== 'awaiting-auth-request' && kind !== 'awaiting-intermediate-request') return;
  earnFrom(context, session, arrival);
  noteAnswered(session, arrival.path);
  const narration = {
    exchange: 'IKE_SA_INIT',
    messageId: 0,
    isResponse: true,
    payloads: '',
    retransmission: true,
  };
  transmit(context, session, [initResponse], narration, arrival);
}

/** Why a new IKE SA is not even considered: the limits of memory, in all and for one address. */
function overloadOf(context: EndpointContext, path: Path): string | undefined {
  const { maxSessions, initLimitHalfOpen, blockThreshold } = context.settings;
  if (maxSessions > 0 && context.sessions.size >= maxSessions) return 'too many IKE SAs';
  if (initLimitHalfOpen > 0 && context.halfOpen.total >= initLimitHalfOpen) {
    return 'too many half-open IKE SAs';
  }
  if (blockThreshold > 0 && context.halfOpen.from(path.remote.address) >= blockThreshold) {
    return 'too many half-open IKE SAs from one address';
  }
  return undefined;
}

/** Asks for a cookie when many IKE SAs are half-open: whoever sends from a forged address never sees it. @see RFC 7296 §2.6 */
function hasCookieIfNeeded(
  context: EndpointContext,
  arrival: Arrival,
  message: IkeMessage,
): boolean {
  const { cookieThreshold, cookieThresholdPerAddress } = context.settings;
  const { halfOpen } = context;
  const isNeeded =
    (cookieThreshold > 0 && halfOpen.total >= cookieThreshold) ||
    (cookieThresholdPerAddress > 0 &&
      halfOpen.from(arrival.path.remote.address) >= cookieThresholdPerAddress);
  const why = `while ${halfOpen.total} IKE SAs are half-open`;
  return !isNeeded || hasCookie(context, arrival, message, why);
}
