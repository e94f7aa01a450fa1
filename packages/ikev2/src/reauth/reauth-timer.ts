import { addMs } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Share of the lifetime that passes until the IKE SA ends, where `overMs` does not say. */
const OVER_SHARE = 0.1;
/** First pause after a reauthentication that failed; it doubles with each, up to the longest. */
const FIRST_RETRY_MS = 10_000;
const LONGEST_RETRY_MS = 600_000;

/** Arms the next reauthentication and the end of the IKE SA without one. Who opened the session begins, at the time that the peer
 * gives where that is earlier; the other side only sees to it that the end comes. @see RFC 7296 §2.8.3, RFC 4478 §2
 */
export function armReauthentication(context: EndpointContext, session: IkeSession): void {
  const { connection, repeatAuthAt } = session;
  const reauthMs = connection?.reauthMs ?? 0;
  if (connection && reauthMs > 0) {
    const overMs = connection.overMs ?? reauthMs * OVER_SHARE;
    setTimer(context, session, 'reauth-over', addMs(context.now, reauthMs + overMs), {
      label: 'end of life of the IKE SA',
    });
  }
  if (session.role !== 'initiator') return;
  const early = Math.min(connection?.rekeyJitterMs ?? 0, reauthMs) * context.jitter();
  const own = reauthMs > 0 ? addMs(context.now, reauthMs - early) : undefined;
  const isEarlier = own === undefined || (repeatAuthAt !== undefined && repeatAuthAt < own);
  const at = isEarlier ? repeatAuthAt : own;
  if (at !== undefined) setTimer(context, session, 'reauth', at, { label: 'reauthentication' });
}

/** The peer has said anew, in an INFORMATIONAL request, how long the authentication counts; one that is due earlier stays.
 * @see RFC 4478 §2
 */
export function armForPeer(context: EndpointContext, session: IkeSession): void {
  const { repeatAuthAt, successor, state } = session;
  if (repeatAuthAt === undefined || successor || state.kind !== 'established') return;
  const due = context.deadlines.at(session.id, 'reauth');
  if (due !== undefined && due <= repeatAuthAt) return;
  setTimer(context, session, 'reauth', repeatAuthAt, { label: 'reauthentication' });
}

/** Arms another try after a reauthentication that failed. @returns the pause in ms. */
export function armReauthRetry(context: EndpointContext, session: IkeSession): number {
  const pauseMs = Math.min(
    FIRST_RETRY_MS * 2 ** Math.min(session.failedReauths, 16),
    LONGEST_RETRY_MS,
  );
  session.failedReauths += 1;
  const retryInMs = Math.round(pauseMs * (1 - 0.1 * context.jitter()));
  setTimer(context, session, 'reauth', addMs(context.now, retryInMs), {
    label: 'reauthentication after a failure',
  });
  return retryInMs;
}
