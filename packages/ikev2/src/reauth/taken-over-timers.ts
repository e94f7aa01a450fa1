import { addMs } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer, type TimerName } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** What an IKE SA that has been taken over does not do: it waits for its DELETE, and for nothing else. */
const RESTING: ReadonlySet<TimerName> = new Set([
  'address-update',
  'standby',
  'ike-rekey',
  'reauth',
  'reauth-over',
]);
/** When a deadline that came in that time is looked at again: the session may have come back to this IKE SA. */
const REST_MS = 60_000;

/** Puts off a deadline of an IKE SA that has been taken over.
 * @returns false when it is to be performed.
 */
export function restsBehind(
  context: EndpointContext,
  session: IkeSession,
  name: TimerName,
): boolean {
  if (!session.takenOverBy || !RESTING.has(name)) return false;
  setTimer(context, session, name, addMs(context.now, REST_MS), {
    toleranceMs: REST_MS,
    wake: 'process',
  });
  return true;
}
