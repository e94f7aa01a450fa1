import { addMs } from '@ipsec-kit/clock';
import type { ChildSa } from '../child/child-sa.ts';
import { announceChild, announceReplacement } from '../child/install-child.ts';
import type { NegotiatedChild } from '../child/negotiated-child.ts';
import { inheritRetired } from '../child/retire-child.ts';
import { type EndpointContext, raise, setTimer } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';
import { exchangeIds, moveBehind } from './session-name.ts';

/** How long a responder leaves it to the initiator to delete the old IKE SA. */
export const HAND_OVER_PATIENCE_MS: number = 60_000;

/** Timers of an IKE SA that has been taken over: it waits for its DELETE and for nothing else. */
const IDLE_TIMERS = ['dpd', 'keepalive', 'reauth', 'reauth-over'] as const;

/** The Child SA that a new one takes the place of, when its IKE SA takes over another: the one of the same name. */
export function replacedChild(old: IkeSession | undefined, name: string): ChildSa | undefined {
  let found: ChildSa | undefined;
  for (const child of old?.children.values() ?? []) {
    if (child.config.name === name && child.replacedBy === undefined) found = child;
  }
  return found;
}

/** A Child SA of a new IKE SA, with what it replaces of the old one. */
export function asReplacement(session: IkeSession, child: NegotiatedChild): NegotiatedChild {
  const replaced = replacedChild(session.takesOver ?? session.predecessor, child.config.name);
  if (!replaced) return child;
  // The initiator moves at the response; the responder when the initiator shows that it has. @see RFC 7296 §2.8
  return { ...child, replaces: replaced.id, waitsForPeer: session.role === 'responder' };
}

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
  for (const name of IDLE_TIMERS) context.deadlines.clear(old.id, name);
  inheritRetired(context, old, session);
  if (session.role === 'responder') {
    setTimer(context, session, 'hand-over', addMs(context.now, HAND_OVER_PATIENCE_MS), {
      label: 'end of a replaced IKE SA',
      toleranceMs: HAND_OVER_PATIENCE_MS / 10,
    });
  }
  raise(context, {
    kind: 'session-reauthenticated',
    sessionId: session.id,
    by: session.role === 'initiator' ? 'local' : 'peer',
    spis: { initiator: sa.initiatorSpi, responder: sa.responderSpi },
  });
  return true;
}

/** Tells of a Child SA that stands: to its user it is the one that it replaces, or a new one. */
export function announceOpened(
  context: EndpointContext,
  session: IkeSession,
  child: NegotiatedChild,
): void {
  const fresh = session.children.get(child.id);
  const old = session.predecessor?.children.get(child.replaces ?? 0);
  const by = session.role === 'initiator' ? 'local' : 'peer';
  if (old && fresh) announceReplacement(context, session, old, fresh, by);
  if (!fresh?.isAnnounced) announceChild(context, session, child);
}
