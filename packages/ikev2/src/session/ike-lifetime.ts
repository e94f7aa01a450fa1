import { addMs, type Instant } from '@ipsec-kit/clock';
import { jitteredEnd } from '../child/install-child.ts';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from './ike-session.ts';

/** Share of the soft lifetime that is left for the replacement where nothing is configured. */
const OVER_SHARE = 0.1;

/** Sets the soft and the hard end of the IKE SA that a session has from now on. @see RFC 7296 §2.8 */
export function armIkeLifetime(context: EndpointContext, session: IkeSession): void {
  const { rekeyMs, rekeyJitterMs, overMs } = session.connection ?? {};
  context.deadlines.clear(session.id, 'ike-rekey');
  context.deadlines.clear(session.id, 'ike-over');
  session.expiresAt = undefined;
  session.ikeRetryAt = undefined;
  session.isEndPutOff = false;
  const softAt = jitteredEnd(context, rekeyMs, rekeyJitterMs);
  if (softAt === undefined || !rekeyMs) return;
  setIkeRekey(context, session, softAt);
  setIkeEnd(context, session, addMs(context.now, rekeyMs + (overMs ?? rekeyMs * OVER_SHARE)));
}

/** Has the IKE SA replaced at `at`. */
export function setIkeRekey(context: EndpointContext, session: IkeSession, at: Instant): void {
  session.rekeyAt = at;
  setTimer(context, session, 'ike-rekey', at, { label: 'rekey of the IKE SA' });
}

/** Has it replaced at `at` and not before, since the peer has refused it for now. @see RFC 7296 §2.25 (MUST NOT immediately retry) */
export function retryIkeRekey(context: EndpointContext, session: IkeSession, at: Instant): void {
  session.ikeRetryAt = at;
  setIkeRekey(context, session, at);
}

/** Has the IKE SA end at `at` when it is not replaced before. */
export function setIkeEnd(context: EndpointContext, session: IkeSession, at: Instant): void {
  session.expiresAt = at;
  setTimer(context, session, 'ike-over', at, { label: 'end of life of the IKE SA' });
}
