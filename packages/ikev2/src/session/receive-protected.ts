import { addMs } from '@ipsec-kit/clock';
import {
  type DecodeErrorCode,
  decodeMessage,
  decodePayloads,
  type EncryptedFragmentPayload,
  type EncryptedPayload,
  ExchangeType,
  encryptedOverheadBytes,
  exchangeTypeName,
  HEADER_BYTES,
  type IkeHeader,
  type Payload,
  unsupportedCriticalPayload,
} from '@ipsec-kit/ikev2-codec';
import { type Path, pathsEqual } from '@ipsec-kit/ip';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { refuseUnverified } from '../endpoint/unprotected-answers.ts';
import type { ProtocolError } from '../errors/wire-answer.ts';
import { noteUnproven } from '../mobike/unproven-path.ts';
import { earnFrom } from '../mobike/verified-address.ts';
import { intermediateOctets } from '../proof/int-auth.ts';
import { openPayload } from '../protect/open-message.ts';
import { REASSEMBLY_TIMEOUT_MS, type ReassembledMessage } from '../protect/reassembly.ts';
import { noteCopy } from '../reauth/put-off.ts';
import { type IkeSa, openerFor } from './ike-sa.ts';
import type { IkeSession } from './ike-session.ts';
import { repeatRequest } from './repeat-request.ts';
import { transmit } from './send-message.ts';

/** A datagram for an IKE SA. */
export interface ReceivedDatagram {
  readonly header: IkeHeader;
  readonly data: Uint8Array;
  readonly path: Path;
  readonly marker: boolean;
}

/** A message that has verified under the keys of an IKE SA: its payloads, or what is wrong inside. */
export interface OpenedMessage {
  readonly payloads: readonly Payload[];
  readonly error: ProtocolError | undefined;
  readonly fragments: number;
  /** Bytes of all its datagrams. */
  readonly bytes: number;
  /** The whole of it as RFC 9242 §3.3.2 authenticates it; of IKE_INTERMEDIATE only. */
  readonly octets?: Uint8Array;
}

/** Verifies a datagram under an IKE SA, in the order that costs an attacker's packet least: window, structure, ICV.
 * Answers retransmissions from the cache. Nothing changes before the ICV has verified.
 * @returns the message when it is whole and new; `undefined` otherwise.
 * @see RFC 7296 §2.1, §2.3, RFC 7383 §2.6, §2.6.1
 */
export function openDatagram(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  received: ReceivedDatagram,
): OpenedMessage | undefined {
  const { header, data } = received;
  if (!isExpected(sa, header)) {
    return dropped(context, received, { code: 'outside-window' }, 'message id outside the window');
  }
  const message = decodeMessage(data);
  if (!message.ok)
    return dropped(context, received, unreadable(message.error.code), message.error.detail);
  const payload = message.value.payloads.at(-1);
  if (payload?.type !== 'SK' && payload?.type !== 'SKF') {
    const reason = 'a message for an IKE SA is not encrypted';
    return dropped(context, received, unreadable('malformed-payload'), reason);
  }
  return payload.type === 'SK'
    ? openWhole(context, session, sa, received, payload)
    : openFragment(context, session, sa, received, payload);
}

/** Whether a message id may be looked at: the response to a request that is out, or a request that is new or was the last. */
function isExpected(sa: IkeSa, { isResponse, messageId }: IkeHeader): boolean {
  if (isResponse) {
    return sa.requests.outstanding.some((request) => request.messageId === messageId);
  }
  const { kind } = sa.responses.classify(messageId);
  return kind === 'new' || kind === 'retransmission';
}

function openWhole(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  received: ReceivedDatagram,
  payload: EncryptedPayload,
): OpenedMessage | undefined {
  const { data, header } = received;
  const opened = openPayload(openerFor(sa, header), data, payload);
  if (!opened.ok) {
    return dropped(context, received, { code: 'bad-icv' }, `${opened.code} in an SK payload`);
  }
  earnFrom(context, session, { ...received, bytes: received.data.length });
  if (answeredAgain(context, session, sa, received)) return undefined;
  const { firstPayload } = payload;
  const { content } = opened;
  const reserved = reservedOf(data, payload);
  return parse(received, {
    firstPayload,
    content,
    fragments: 1,
    datagramBytes: data.length,
    reserved,
  });
}

function openFragment(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  received: ReceivedDatagram,
  payload: EncryptedFragmentPayload,
): OpenedMessage | undefined {
  const { header, data } = received;
  if (!session.fragmentation) {
    const reason = 'a fragment without negotiation';
    return dropped(context, received, unreadable('malformed-payload'), reason);
  }
  const isRepeated =
    !header.isResponse && sa.responses.classify(header.messageId).kind === 'retransmission';
  // RFC 7383 §2.6.1: only the first fragment of a retransmitted request triggers the response again.
  if (isRepeated && payload.fragmentNumber !== 1) return undefined;
  const reassembly = header.isResponse ? sa.responseFragments : sa.requestFragments;
  if (!isRepeated && !reassembly.wants(header.messageId, payload, context.now)) return undefined;
  const opened = openPayload(openerFor(sa, header), data, payload);
  if (!opened.ok) {
    return dropped(context, received, { code: 'bad-icv' }, `${opened.code} in an SKF payload`);
  }
  earnFrom(context, session, { ...received, bytes: data.length });
  if (answeredAgain(context, session, sa, received)) return undefined;
  const { length } = data;
  const reserved = reservedOf(data, payload);
  const { now } = context;
  const whole = reassembly.add(header.messageId, payload, opened.content, now, length, reserved);
  if (whole) return parse(received, whole);
  setTimer(context, session, 'reassembly', addMs(context.now, REASSEMBLY_TIMEOUT_MS), {
    label: 'reassembly timeout',
    toleranceMs: REASSEMBLY_TIMEOUT_MS,
    wake: 'process',
  });
  return undefined;
}

/** A request that was answered gets the same answer again, one that is being worked on gets silence. @see RFC 7296 §2.1 */
function answeredAgain(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  { header, path, marker }: ReceivedDatagram,
): boolean {
  if (header.isResponse) return false;
  const known = sa.responses.classify(header.messageId);
  if (known.kind !== 'retransmission') return false;
  if (known.state === 'answered') {
    const narration = {
      exchange: exchangeTypeName(header.exchangeType),
      messageId: header.messageId,
      isResponse: true,
      payloads: '',
      retransmission: true,
    };
    const isNews = noteUnproven(session, path);
    // RFC 7296 §2.11: to where the request came from.
    transmit(context, session, known.datagrams, narration, { path, marker });
    if (isNews || session.owed) askThere(context, session, path);
  } else noteCopy(context, session);
  return true;
}

/** The question where the peer is goes to where a copy of its request has come from: that is news, or there is room for it only now.
 * @see RFC 4555 §3.7
 */
function askThere(context: EndpointContext, session: IkeSession, path: Path): void {
  const [request] = session.requests.outstanding;
  const procedure = session.running?.procedure;
  if (!request || !procedure || !('check' in procedure)) return;
  if (procedure.kind === 'update-addresses' && !pathsEqual(path, session.path)) return;
  repeatRequest(context, session, request, path);
}

/** The octet behind the Next Payload field of the last payload: its critical bit, and seven that are reserved. */
function reservedOf(
  data: Uint8Array,
  { type, body }: EncryptedPayload | EncryptedFragmentPayload,
): number {
  const headerBytes = encryptedOverheadBytes(type, { ivBytes: 0, icvBytes: 0 }) - HEADER_BYTES;
  return data[data.length - body.length - headerBytes + 1] ?? 0;
}

function parse(
  { header, data }: ReceivedDatagram,
  { firstPayload, content, fragments, datagramBytes: bytes, reserved }: ReassembledMessage,
): OpenedMessage {
  const inner = decodePayloads(firstPayload, content);
  if (!inner.ok) {
    const error = { code: 'malformed', decode: inner.error.code, isProtected: true } as const;
    return { payloads: [], error, fragments, bytes };
  }
  const payloadType = unsupportedCriticalPayload(inner.value);
  const error =
    payloadType === undefined
      ? undefined
      : ({ code: 'unsupported-critical-payload', payloadType } as const);
  const isIntermediate = header.exchangeType === ExchangeType.IKE_INTERMEDIATE;
  const octets = isIntermediate
    ? { octets: intermediateOctets(data, { firstPayload, reserved }, content) }
    : {};
  return { payloads: inner.value, error, fragments, bytes, ...octets };
}

/** Drops what has not verified: the map of errors has silence for all of it. */
function dropped(
  context: EndpointContext,
  { header, data, path, marker }: ReceivedDatagram,
  error: ProtocolError,
  reason: string,
): undefined {
  refuseUnverified(context, { header, path, marker, bytes: data.length }, error, reason);
  return undefined;
}

function unreadable(decode: DecodeErrorCode): ProtocolError {
  return { code: 'malformed', decode, isProtected: false };
}
