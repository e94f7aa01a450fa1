import { addMs, type Instant } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer, type WaitingAuth } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** How long an IKE_AUTH request may wait: shorter than its initiator does. A strongSwan with its defaults waits for 165 s. */
export const TURN_PATIENCE_MS: number = 120_000;

/** How long ago its initiator may have sent it last when it is answered: longer ago, and the initiator may have given up, so the
 * next copy is waited for. An IKE SA that only one side has would take the traffic of the session along.
 */
const FRESH_MS = 1_000;

/** Lets the IKE_AUTH request of a peer that reauthenticates wait for its turn. Its retransmissions get silence meanwhile.
 * @see RFC 7296 §2.1
 */
export function putOff(
  context: EndpointContext,
  session: IkeSession,
  answer: Answer | undefined,
): void {
  session.hasWaited = true;
  const until = context.waitingAuths.get(session)?.until ?? addMs(context.now, TURN_PATIENCE_MS);
  const heardAt = context.waitingAuths.get(session)?.heardAt ?? context.now;
  context.waitingAuths.set(session, { answer, until, heardAt });
  setTimer(context, session, 'half-open', addMs(until, 1), {
    label: 'end of a reauthentication that waits',
    toleranceMs: TURN_PATIENCE_MS / 10,
  });
}

/** A copy of a request has come that is not answered yet: if it waits for its turn, its initiator does as well. */
export function noteCopy(context: EndpointContext, session: IkeSession): void {
  const waiting = context.waitingAuths.get(session);
  if (waiting) waiting.heardAt = context.now;
}

/** Whether the initiator of a request that waits is known to wait for its answer. */
export function isFresh({ heardAt }: WaitingAuth, now: Instant): boolean {
  return now <= addMs(heardAt, FRESH_MS);
}
