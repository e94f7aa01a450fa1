import { addMs } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-io.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** How long an IKE_AUTH request may wait: shorter than its initiator does. A strongSwan with its defaults waits for 165 s. */
export const TURN_PATIENCE_MS: number = 120_000;

/** Lets the IKE_AUTH request of a peer that reauthenticates wait for its turn. Its retransmissions get silence meanwhile.
 * @see RFC 7296 §2.1
 */
export function putOff(context: EndpointContext, session: IkeSession, answer: Answer): void {
  const until = context.waitingAuths.get(session)?.until ?? addMs(context.now, TURN_PATIENCE_MS);
  context.waitingAuths.set(session, { answer, until });
  setTimer(context, session, 'half-open', addMs(until, 1), {
    label: 'end of a reauthentication that waits',
    toleranceMs: TURN_PATIENCE_MS / 10,
  });
}
