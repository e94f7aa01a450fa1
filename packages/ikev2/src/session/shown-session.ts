import type { IkeSession } from './ike-session.ts';

/** A reauthentication opens a second IKE SA beside the first, and users see one session: the one that carries its id.
 * The other is behind it, under a negative id that no event shows: first the new one, until it stands, then the old one,
 * until it is deleted.
 */
export function isBehind(session: IkeSession): boolean {
  return session.id < 0;
}

/** The session that users see of an IKE SA: itself, or the one that it is behind or is about to replace. */
export function shownSession(session: IkeSession): IkeSession {
  let shown = session;
  while (isBehind(shown)) {
    const front = shown.takesOver ?? shown.takenOverBy;
    if (!front) return shown;
    shown = front;
  }
  return shown;
}
