import type { IkeSession } from '../session/ike-session.ts';

/** The IKE SA that has taken the place of one, after whatever others did, which may be gone by now: the peer may have been
 * quicker than our own attempt, and more than once.
 */
export function latestOf(session: IkeSession): IkeSession {
  let last = session;
  while (last.takenOverBy) last = last.takenOverBy;
  return last;
}
