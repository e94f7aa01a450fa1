import { addMs, type Instant } from '@ipsec-kit/clock';
import { exchangeTypeName, type Payload } from '@ipsec-kit/ikev2-codec';
import { type Path, pathsEqual } from '@ipsec-kit/ip';
import { isOverProbe, noteProbePath } from '../binding/binding-probe.ts';
import { type EndpointContext, raise, setTimer } from '../endpoint/endpoint-context.ts';
import { mayLeave } from '../mobike/verified-address.ts';
import { summarizePayloads } from '../payloads/payload-summary.ts';
import { DEFAULT_FRAGMENT_BYTES, maxMessageBytes } from '../protect/fragment-size.ts';
import { sealMessage } from '../protect/seal-message.ts';
import { awaitFirstAnswer } from './await-first-answer.ts';
import { headerOf, type IkeSa } from './ike-sa.ts';
import type { IkeSession } from './ike-session.ts';
import { noteTraffic } from './note-liveness.ts';
import type { Narration, OwedResponse } from './owed-response.ts';

/** What a request serves, and where it goes. */
export interface RequestOptions {
  /** The end of the SA that it serves, past which it is not sent again. */
  readonly notAfter?: Instant | undefined;
  /** All paths that it goes over at first, bitwise the same; default the one of the session. */
  readonly paths?: readonly Path[];
  /** It is padded to this size, as far as padding goes. */
  readonly leastBytes?: number | undefined;
}

/** Sends the datagrams of one message and tells about it. @returns false when it may not leave. */
export function transmit(
  context: EndpointContext,
  session: IkeSession,
  datagrams: readonly Uint8Array[],
  narration: Narration,
  via: { readonly path: Path; readonly marker: boolean } = session,
): boolean {
  // Without a path nothing leaves; what is outstanding is sent again when there is one.
  if (session.parked) return false;
  const bytes = datagrams.reduce((sum, { length }) => sum + length, 0);
  const { isResponse } = narration;
  const { length: fragments } = datagrams;
  if (!mayLeave(context, session, { ...via, bytes, fragments, isResponse })) {
    if (isResponse) owe(session, { datagrams, narration, via });
    return false;
  }
  for (const data of datagrams) {
    context.outputs.push({ kind: 'send', path: via.path, data, marker: via.marker });
  }
  if (!isResponse) noteProbePath(session, narration.messageId, via.path);
  // What leaves from elsewhere renews no mapping of ours. RFC 7296 §2.23
  if (!isOverProbe(session, via.path)) noteTraffic(context, session, { outIke: context.now });
  raise(context, {
    kind: 'message',
    sessionId: session.id,
    direction: 'sent',
    ...narration,
    bytes,
    path: via.path,
    fragments,
  });
  return true;
}

/** What waits for a peer that has moved is the last response; any other is asked for again. */
function owe(session: IkeSession, owed: OwedResponse): void {
  const { state, path } = session;
  if (state.kind === 'established' && pathsEqual(owed.via.path, path)) session.owed = owed;
}

/** Seals and sends a request under the session's IKE SA, and starts its retransmission.
 * @returns its message id, or `undefined` when the window is full or no message id is left.
 */
export function sendRequest(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  exchangeType: number,
  payloads: readonly Payload[],
  options: RequestOptions = {},
): number | undefined {
  const permission = sa.requests.permission();
  if (!permission.ok) return undefined;
  const { messageId } = permission;
  const datagrams = seal(
    context,
    session,
    sa,
    { exchangeType, messageId, isResponse: false },
    payloads,
    options.leastBytes,
  );
  startRequest(context, session, exchangeTypeName(exchangeType), datagrams, payloads, options);
  return messageId;
}

/** Seals and sends a request under an IKE SA that is not the session's own any more; whoever keeps it retransmits.
 * @returns false when it has no message id left.
 */
export function sendSealed(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  exchangeType: number,
  payloads: readonly Payload[],
): boolean {
  const permission = sa.requests.permission();
  if (!permission.ok) return false;
  const { messageId } = permission;
  const message = { exchangeType, messageId, isResponse: false };
  const datagrams = seal(context, session, sa, message, payloads);
  const name = exchangeTypeName(exchangeType);
  sa.requests.send({ now: context.now, name, datagrams });
  const summary = summarizePayloads(payloads);
  const narration = { exchange: name, messageId, isResponse: false, payloads: summary };
  transmit(context, session, datagrams, { ...narration, retransmission: false });
  return true;
}

/** Seals and sends a request once, past the window: nobody waits for its response. */
export function sendOnce(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  { exchangeType, messageId }: { readonly exchangeType: number; readonly messageId: number },
  payloads: readonly Payload[],
): void {
  const message = { exchangeType, messageId, isResponse: false };
  transmit(context, session, seal(context, session, sa, message, payloads), {
    exchange: exchangeTypeName(exchangeType),
    messageId,
    isResponse: false,
    payloads: summarizePayloads(payloads),
    retransmission: false,
  });
}

/** Hands a request to the window, sends it, and arms the retransmission. For requests that are sealed, or are IKE_SA_INIT. */
export function startRequest(
  context: EndpointContext,
  session: IkeSession,
  name: string,
  datagrams: readonly Uint8Array[],
  payloads: readonly Payload[],
  { notAfter, paths = [session.path] }: RequestOptions = {},
): void {
  const lifetime = notAfter === undefined ? {} : { notAfter };
  const sent = session.requests.send({ now: context.now, name, datagrams, ...lifetime });
  if (!sent.ok) throw new Error(`request ${name} was sent while the window said ${sent.code}`);
  const summary = summarizePayloads(payloads);
  session.outstanding = { exchange: name, payloads: summary };
  const { marker } = session;
  for (const [index, path] of paths.entries()) {
    const narration = {
      exchange: name,
      messageId: sent.messageId,
      isResponse: false,
      payloads: summary,
      retransmission: index > 0,
    };
    transmit(context, session, datagrams, narration, { path, marker });
  }
  armRetransmission(context, session);
  awaitFirstAnswer(context, session);
}

/** Arms the deadline of the request that is out, or disarms it when none is. */
export function armRetransmission(context: EndpointContext, session: IkeSession): void {
  const next = session.requests.nextDeadline();
  if (!next) {
    context.deadlines.clear(session.id, 'retransmit');
    context.deadlines.clear(session.id, 'dpd-timeout');
    return;
  }
  const { at, toleranceMs, wake } = next;
  setTimer(context, session, 'retransmit', at, { label: next.name, toleranceMs, wake });
  const timeoutMs = session.connection?.dpdTimeoutMs ?? 0;
  const isArmed = context.deadlines.at(session.id, 'dpd-timeout') !== undefined;
  if (timeoutMs <= 0 || isArmed || session.state.kind !== 'established') return;
  setTimer(context, session, 'dpd-timeout', addMs(context.now, timeoutMs), {
    label: 'end of a dead peer',
  });
}

/** Seals a response, keeps it for retransmissions of the request, and sends it. @see RFC 7296 §2.1 */
export function sendResponse(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  request: { readonly exchangeType: number; readonly messageId: number },
  payloads: readonly Payload[],
  via: { readonly path: Path; readonly marker: boolean } = session,
): void {
  const { exchangeType, messageId } = request;
  const datagrams = seal(
    context,
    session,
    sa,
    { exchangeType, messageId, isResponse: true },
    payloads,
  );
  transmit(
    context,
    session,
    sa.responses.respond(messageId, datagrams),
    {
      exchange: exchangeTypeName(exchangeType),
      messageId,
      isResponse: true,
      payloads: summarizePayloads(payloads),
      retransmission: false,
    },
    via,
  );
}

function seal(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  message: { exchangeType: number; messageId: number; isResponse: boolean },
  payloads: readonly Payload[],
  leastBytes?: number,
): readonly Uint8Array[] {
  const { sealer } = sa;
  const header = headerOf(sa, message);
  const maxBytes = fragmentLimit(context, session);
  return sealMessage(sealer, context.random, header, payloads, { maxBytes, leastBytes });
}

/** Largest message before it is split; `undefined` never splits: `accept` reassembles what comes, but sends whole. */
function fragmentLimit(context: EndpointContext, session: IkeSession): number | undefined {
  const mode = session.connection?.fragmentation ?? 'yes';
  if (!session.fragmentation || mode === 'accept' || mode === 'no') return undefined;
  const found = session.pathMtuBytes ?? session.takesOver?.pathMtuBytes;
  const bytes = context.settings.fragmentBytes || DEFAULT_FRAGMENT_BYTES;
  return maxMessageBytes(Math.min(bytes, found ?? bytes), session.path, session.marker);
}
