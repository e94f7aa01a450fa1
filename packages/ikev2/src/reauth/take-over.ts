import { addMs } from '@ipsec-kit/clock';
import { inheritRetired } from '../child/retire-child.ts';
import { type EndpointContext, raise, setTimer } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';
import { exchangeIds, moveBehind } from './session-name.ts';

/** How long a responder leaves it to the initiator to delete the old IKE SA. */
export const HAND_OVER_PATIENCE_MS: number = 60_000;

/** A new IKE SA stands on both sides: it becomes the session that users see, and the old one stays behind it until its DELETE.
 * @returns false when it takes nothing over, or what it was to take over is gone.
 * @see RFC 7296 §2.8.3
 */
export function takeOver(context: EndpointContext, session: IkeSession): boolean {
  const old = session.takesOver;
  const { sa } = session;
  session.takesOver = undefined;
  if (!sa || old?.state.kind !== 'established') return false;
  if (!isBehind(session)) moveBehind(context, session);
  exchangeIds(context, session, old);
  session.predecessor = old;
  session.isClosing ||= old.isClosing;
  old.takenOverBy = session;
  old.successor = undefined;
  inheritRetired(context, old, session);
  if (session.role === 'responder') {
    armHandOver(context, session);
  }
  raise(context, {
    kind: 'session-reauthenticated',
    sessionId: session.id,
    by: session.role === 'initiator' ? 'local' : 'peer',
    spis: { initiator: sa.initiatorSpi, responder: sa.responderSpi },
  });
  return true;
}

/** Sees to it that the IKE SA whose place this one has taken does go. */
export function armHandOver(context: EndpointContext, session: IkeSession): void {
  setTimer(context, session, 'hand-over', addMs(context.now, HAND_OVER_PATIENCE_MS), {
    label: 'end of a replaced IKE SA',
    toleranceMs: HAND_OVER_PATIENCE_MS / 10,
  });
}
