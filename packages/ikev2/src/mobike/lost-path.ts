import { type EndpointContext, raise, type TimerName } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Deadlines that count from a transmission: they begin anew with the next one. */
const OF_TRANSMISSIONS: ReadonlySet<TimerName> = new Set(['retransmit', 'dpd-timeout']);

/** No address of ours can reach the peer: the session stays as it is, and sends nothing. Its deadlines rest as they do while a
 * device sleeps, so nothing times out that could not be replaced.
 */
export function losePath(context: EndpointContext, session: IkeSession): void {
  if (session.parked) return;
  session.parked = new Map();
  for (const entry of context.deadlines.takeSession(session.id)) {
    if (entry.name === 'give-up' || entry.name === 'linger') context.deadlines.set(entry);
    else session.parked.set(entry.name, entry);
  }
  raise(context, { kind: 'path-lost', sessionId: session.id });
}

/** There is a path again: what fell due meanwhile is due now, in the order of a late wake. @returns false when there was one. */
export function regainPath(context: EndpointContext, session: IkeSession): boolean {
  // Whoever keeps a delegated session alive does not know of our addresses.
  if (session.delegated || !resumeAfter(context, session)) return false;
  const { mover, id } = session;
  session.movedAt = context.now;
  raise(context, { kind: 'path-found', sessionId: id, path: mover?.path ?? session.path });
  return true;
}

/** Deadlines that rested count again. @returns false when none did. */
export function resumeAfter(context: EndpointContext, session: IkeSession): boolean {
  const { parked, id } = session;
  if (!parked) return false;
  session.parked = undefined;
  for (const entry of parked.values()) {
    if (!OF_TRANSMISSIONS.has(entry.name)) context.deadlines.set({ ...entry, sessionId: id });
  }
  return true;
}
