import { addMs, laterOf } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { peerDead } from '../errors/failures.ts';
import { dropUnansweredTry } from '../reauth/second-try.ts';
import { endSession } from './close-session.ts';
import type { IkeSession } from './ike-session.ts';

/** The time that a request may stay without an answer is over. Whatever came from the peer meanwhile, be it ESP, shows that it
 * lives, and the time counts anew; otherwise it is dead. @see RFC 7296 §2.4
 */
export function onLivenessTimeout(context: EndpointContext, session: IkeSession): void {
  const timeoutMs = session.connection?.dpdTimeoutMs ?? 0;
  const [request] = session.requests.outstanding;
  if (session.state.kind !== 'established' || timeoutMs <= 0 || !request) return;
  const { firstSentAt } = request;
  const { lastInboundAt } = session;
  // The instant that is waited for is the one that is compared: a difference added to now may round to now, for ever.
  const at = addMs(laterOf(lastInboundAt, firstSentAt), timeoutMs);
  if (context.now >= at) {
    dropUnansweredTry(context, session);
    endSession(context, session, peerDead(session.path, request.name, request.transmissions));
    return;
  }
  setTimer(context, session, 'dpd-timeout', at, { label: 'end of a dead peer' });
}
