import { addMs, type Instant } from '@ipsec-kit/clock';
import { ExchangeType, exchangeTypeName, ProtocolId } from '@ipsec-kit/ikev2-codec';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { dropIkeSa } from './drop-ike-sa.ts';
import { type IkeSa, ownSpi } from './ike-sa.ts';
import type { IkeSession } from './ike-session.ts';
import { LINGER_MS } from './linger.ts';
import type { ReplacedIkeSa } from './replaced-ike-sa.ts';
import { sendSealed, transmit } from './send-message.ts';

/** How long the peer may take to delete what it has replaced: longer than it may send its request again, which is
 * answered from the old IKE SA meanwhile.
 */
export const EXPECTED_DELETE_MS: number = 240_000;

/** More than a few at once mean that a peer rekeys without deleting: the oldest goes. */
const MAX_REPLACED = 8;

/** Keeps an IKE SA that has been replaced until its DELETE is over: ours, which is sent now, or the peer's.
 * @see RFC 7296 §2.8
 */
export function keepReplaced(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  state: ReplacedIkeSa['state'],
): void {
  const patienceMs = state === 'answered' ? LINGER_MS : EXPECTED_DELETE_MS;
  // Whatever of ours was still out on it is pointless now. @see RFC 7296 §2.8.2 (stop retransmitting)
  sa.requests.clear();
  session.replaced.push({ sa, state, until: addMs(context.now, patienceMs) });
  context.sessionsBySpi.set(ownSpi(sa), session);
  const [oldest] = session.replaced;
  if (oldest && session.replaced.length > MAX_REPLACED) forgetReplaced(context, session, oldest);
  if (state === 'asked') {
    const payloads = [{ type: 'D' as const, protocol: ProtocolId.IKE, spis: [] }];
    const { INFORMATIONAL } = ExchangeType;
    const isSent = sendSealed(context, session, sa, INFORMATIONAL, payloads);
    const entry = session.replaced.at(-1);
    if (!isSent && entry) entry.state = 'expected';
  }
  armReplaced(context, session);
}

/** The replaced IKE SA of a session that has these SPIs. */
export function findReplaced(session: IkeSession, sa: IkeSa): ReplacedIkeSa | undefined {
  return session.replaced.find((entry) => entry.sa === sa);
}

/** The peer has asked for its end and was answered; a DELETE of ours is forgotten. @see RFC 7296 §2.25.2 */
export function onReplacedDeleted(
  context: EndpointContext,
  session: IkeSession,
  entry: ReplacedIkeSa,
): void {
  entry.sa.requests.clear();
  entry.state = 'answered';
  entry.until = addMs(context.now, LINGER_MS);
  armReplaced(context, session);
}

/** Forgets a replaced IKE SA. */
export function forgetReplaced(
  context: EndpointContext,
  session: IkeSession,
  entry: ReplacedIkeSa,
): void {
  const index = session.replaced.indexOf(entry);
  if (index >= 0) session.replaced.splice(index, 1);
  dropIkeSa(context, session, entry.sa);
  armReplaced(context, session);
}

/** Retransmits DELETEs, and forgets what has waited for long enough. */
export function onReplacedTimer(context: EndpointContext, session: IkeSession): void {
  for (const entry of [...session.replaced]) {
    const action = entry.sa.requests.onTimeout(context.now);
    if (action.kind === 'give-up' || entry.until <= context.now) {
      forgetReplaced(context, session, entry);
    } else if (action.kind === 'retransmit') {
      const { request } = action;
      transmit(context, session, request.datagrams, {
        exchange: exchangeTypeName(ExchangeType.INFORMATIONAL),
        messageId: request.messageId,
        isResponse: false,
        payloads: 'D',
        retransmission: true,
      });
    }
  }
  armReplaced(context, session);
}

function armReplaced(context: EndpointContext, session: IkeSession): void {
  let first: Instant | undefined;
  for (const { sa, until } of session.replaced) {
    for (const at of [until, sa.requests.nextDeadline()?.at]) {
      if (at !== undefined && (first === undefined || at < first)) first = at;
    }
  }
  if (first === undefined) context.deadlines.clear(session.id, 'replaced-ike');
  else setTimer(context, session, 'replaced-ike', first, { label: 'end of a replaced IKE SA' });
}
