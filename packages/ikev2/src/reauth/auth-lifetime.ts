import { addMs, type Instant, laterOf } from '@ipsec-kit/clock';
import {
  findNotify,
  type NotifyPayload,
  NotifyType,
  notify,
  notifyUint32,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Share of the time that the peer gives that is left for the reauthentication, and the most of it in ms: a first exchange has
 * room for all its retransmissions.
 */
const MARGIN_SHARE = 0.1;
const LONGEST_MARGIN_MS = 180_000;
/** How long an IKE SA lasts at least, however little the peer gives: one that gives nothing must not be asked without end.
 * @see RFC 4478 §5 (an initiator MAY set reasonable limits)
 */
const SHORTEST_MS = 10_000;

/** What the responder of IKE_AUTH says about how long it counts: where our connection limits it, always, since the initiator may
 * be the only side that can begin, as one that has a virtual address of ours. @see RFC 4478 §2, §3
 */
export function authLifetimeNotifies({ connection }: IkeSession): readonly NotifyPayload[] {
  const seconds = Math.min(Math.floor((connection?.reauthMs ?? 0) / 1000), 2 ** 32 - 1);
  if (seconds <= 0) return [];
  const data = new Uint8Array(4);
  new DataView(data.buffer).setUint32(0, seconds);
  return [notify(NotifyType.AUTH_LIFETIME, data)];
}

/** As initiator: the peer limits how long the authentication counts, from when its message comes. @see RFC 4478 §2
 * @returns whether anything has changed.
 */
export function readAuthLifetime(
  context: EndpointContext,
  session: IkeSession,
  payloads: readonly Payload[],
): boolean {
  const payload = findNotify(payloads, NotifyType.AUTH_LIFETIME);
  const seconds = payload && notifyUint32(payload);
  if (seconds === undefined || session.role !== 'initiator') return false;
  const lifetimeMs = seconds * 1000;
  const marginMs = Math.min(lifetimeMs * MARGIN_SHARE, LONGEST_MARGIN_MS);
  const repeatAt = addMs(context.now, lifetimeMs - marginMs * (1 + context.jitter()));
  const earliest = addMs(session.establishedAt, SHORTEST_MS);
  session.repeatAuthAt = laterOf(repeatAt, earliest);
  return true;
}

/** Whether the peer ends an IKE SA for no other reason than that its authentication is over, or as good as over.
 * @see RFC 4478 §2 (it SHOULD send a DELETE soon after the end)
 */
export function isAuthOver({ repeatAuthAt }: IkeSession, now: Instant): boolean {
  return repeatAuthAt !== undefined && now >= repeatAuthAt;
}
