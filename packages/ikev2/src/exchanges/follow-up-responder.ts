import { addMs } from '@ipsec-kit/clock';
import { constantTimeEqual } from '@ipsec-kit/crypto';
import { findNotify, NotifyType, notify, type Payload } from '@ipsec-kit/ikev2-codec';
import { ask, type EndpointContext, randomBytes, setTimer } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-io.ts';
import { keyExchangeInvalid } from '../errors/offer-failures.ts';
import type { ProtocolError } from '../errors/wire-answer.ts';
import { findPayload } from '../payloads/find-payload.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { OpenRequest } from './create-child-parts.ts';
import { respond } from './create-child-respond.ts';
import type { Answering } from './create-child-state.ts';
import { dropAnswering, dropPeerSeries } from './drop-exchanges.ts';
import type { PeerSeries } from './follow-up-state.ts';

/** How long the peer may take to begin the next exchange of a series. @see RFC 9370 §2.2.4 (5-20 seconds should be appropriate) */
export const SERIES_PATIENCE_MS: number = 20_000;

const LINK_BYTES = 16;

/** Keeps what was promised until the peer goes on. A peer that begins another series has left the one before.
 * @returns what goes into our response, for the peer's next request.
 * @see RFC 9370 §2.2.4
 */
export function awaitSeries(
  context: EndpointContext,
  session: IkeSession,
  series: Omit<PeerSeries, 'link'>,
): Payload {
  dropPeerSeries(context, session);
  const link = randomBytes(context.random, LINK_BYTES);
  session.peerSeries = { ...series, link };
  setTimer(context, session, 'follow-up', addMs(context.now, SERIES_PATIENCE_MS), {
    label: 'end of a series of key exchanges that the peer has left',
    toleranceMs: 1_000,
    wake: 'process',
  });
  return notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, link);
}

/** An IKE_FOLLOWUP_KE request: KEi(n) and our link. Without a series that it belongs to, the answer is STATE_NOT_FOUND.
 * @returns an error when it cannot be understood, which is fatal to the IKE SA.
 * @see RFC 9370 §2.2.4
 */
export function onFollowUpRequest(
  context: EndpointContext,
  session: IkeSession,
  request: OpenRequest,
  payloads: readonly Payload[],
): ProtocolError | undefined {
  const ke = findPayload(payloads, 'KE');
  const link = findNotify(payloads, NotifyType.ADDITIONAL_KEY_EXCHANGE);
  if (!ke) return { code: 'missing-payload', payload: 'KE' };
  const series = session.peerSeries;
  const isKnown =
    link !== undefined && series !== undefined && constantTimeEqual(series.link, link.data);
  if (!isKnown || series.sa !== request.sa) {
    respond(context, session, request, [notify(NotifyType.STATE_NOT_FOUND)]);
    return undefined;
  }
  const [method = 0] = series.methods;
  // RFC 9370 §2.2.4: the method MUST match the n-th one that was negotiated.
  if (ke.method !== method) return { code: 'missing-payload', payload: 'KE' };
  session.peerSeries = undefined;
  context.deadlines.clear(session.id, 'follow-up');
  const peerPublicValue = ke.data.slice();
  const requestId = ask(context, session, { kind: 'respond-key', method, peerPublicValue });
  const { reply } = series.promised;
  session.answering = { kind: 'responding-follow-up', requestId, request, reply, series };
  return undefined;
}

/** A series of the peer that is complete but for our last response. */
export interface CompleteSeries {
  readonly request: OpenRequest;
  readonly series: PeerSeries;
  /** KEr(n). */
  readonly ke: Payload;
}

/** Our value and the shared secret are there: answers, with a link where another exchange is to come.
 * @returns what is to be made and answered now; `undefined` while another exchange is to come, and when it has failed.
 */
export function onFollowUpResponded(
  context: EndpointContext,
  session: IkeSession,
  { request, series }: Extract<Answering, { readonly kind: 'responding-follow-up' }>,
  answer: Answer,
): CompleteSeries | undefined {
  const [method = 0, ...methods] = series.methods;
  if (answer.kind !== 'respond-key') {
    dropAnswering(context, session);
    respond(context, session, request, [notify(NotifyType.TEMPORARY_FAILURE)]);
    return undefined;
  }
  const { response } = answer;
  if (!response.ok) {
    dropAnswering(context, session);
    respond(context, session, request, [notify(NotifyType.INVALID_SYNTAX)]);
    // RFC 7296 §2.21.3: fatal in both peers, without a Delete payload.
    endSession(context, session, keyExchangeInvalid(method, response.code), true);
    return undefined;
  }
  const next = { ...series, methods, secrets: [...series.secrets, response.sharedSecret] };
  const ke: Payload = { type: 'KE', method, data: response.publicValue };
  if (methods.length === 0) return { request, series: next, ke };
  const link = awaitSeries(context, session, next);
  respond(context, session, request, [ke, link]);
  return undefined;
}
