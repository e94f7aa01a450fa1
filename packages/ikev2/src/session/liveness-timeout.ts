import { addMs, msBetween } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { peerDead } from '../errors/failures.ts';
import { endSession } from './close-session.ts';
import type { IkeSession } from './ike-session.ts';

/** The time that a request may stay without an answer is over. Whatever came from the peer meanwhile, be it ESP, shows that it
 * lives, and the time counts anew; otherwise it is dead. @see RFC 7296 §2.4
 */
export function onLivenessTimeout(context: EndpointContext, session: IkeSession): void {
  const timeoutMs = session.connection?.dpdTimeoutMs ?? 0;
  const [request] = session.requests.outstanding;
  if (session.state.kind !== 'established' || timeoutMs <= 0 || !request) return;
  const { now } = context;
  const silentMs = Math.min(
    msBetween(request.firstSentAt, now),
    msBetween(session.lastInboundAt, now),
  );
  if (silentMs >= timeoutMs) {
    endSession(context, session, peerDead(session.path, request.name, request.transmissions));
    return;
  }
  const at = addMs(now, timeoutMs - silentMs);
  setTimer(context, session, 'dpd-timeout', at, { label: 'end of a dead peer' });
}
