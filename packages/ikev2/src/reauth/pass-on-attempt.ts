import type { IkeSession } from '../session/ike-session.ts';

/** An attempt to reauthenticate is one of the session, whichever IKE SA carries that when it stands. */
export function passOnAttempt(from: IkeSession, to: IkeSession): void {
  const { successor } = from;
  from.successor = undefined;
  if (!successor) return;
  to.successor = successor;
  successor.takesOver = to;
}
