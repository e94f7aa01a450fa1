import { activateChild } from '../child/activate-child.ts';
import { armChildLifetime } from '../child/arm-child-lifetime.ts';
import type { ChildSa } from '../child/child-sa.ts';
import { announceReplacement } from '../child/install-child.ts';
import { replacementElsewhere } from '../child/replacement-elsewhere.ts';
import { retireChild } from '../child/retire-child.ts';
import { retryMoment } from '../collisions/retry-pause.ts';
import type { LossAction } from '../config.ts';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from './ike-session.ts';
import { isBehind, shownSession } from './shown-session.ts';

/** A Child SA of an IKE SA that ends. One that has moved to another IKE SA still receives for a while. */
export function letGoOfChild(
  context: EndpointContext,
  session: IkeSession,
  child: ChildSa,
  reason: string,
  action: LossAction = 'none',
): void {
  const front = shownSession(session);
  const heirId = replacementElsewhere(session.children, child);
  // Where the session itself is gone, or only answers copies of its last request, nobody is left to remember it.
  const { kind } = front.state;
  const isOrphan = front === session || kind === 'closed' || kind === 'lingering';
  if (isOrphan || heirId === undefined) {
    // One that begins anew as a whole is told by `session-interrupted`.
    removeChild(context, session, child, reason, action === 'trap' ? action : 'none');
    return;
  }
  activateReplacement(context, heirId);
  retireChild(context, session, child, front);
}

/** What replaced a Child SA that goes is used from now on, unless one that replaced it in turn is used already. It may
 * itself belong to an IKE SA that is about to be deleted: several reauthentications can be under way at once.
 */
export function activateReplacement(context: EndpointContext, childId: number): void {
  const owner = context.sessionsByChild.get(childId);
  const first = owner?.children.get(childId);
  for (let later = first; later; ) {
    if (later.isActive) return;
    const nextId: number = later.replacedBy ?? 0;
    later = context.sessionsByChild.get(nextId)?.children.get(nextId);
  }
  if (owner && first) activateChild(context, owner, first);
}

/** Takes a Child SA out of the packet path and forgets it. */
function removeChild(
  context: EndpointContext,
  session: IkeSession,
  child: ChildSa,
  reason: string,
  action: LossAction = child.endAction,
): void {
  session.children.delete(child.id);
  context.sessionsByChild.delete(child.id);
  context.inboundChildSpis.delete(child.inboundSpi);
  context.outputs.push({ kind: 'remove-child', childId: child.id });
  unlinkReplaced(context, session, child.id);
  if (!child.isAnnounced) return;
  if (session.state.kind === 'established') restBehind(context, session, child);
  raise(context, {
    kind: 'child-closed',
    sessionId: shownSession(session).id,
    childId: child.id,
    name: child.config.name,
    reason,
    ...(action === 'none' ? {} : { action }),
  });
}

/** What a Child SA that goes had replaced in a reauthentication only waits for the DELETE of its IKE SA: the peer may have forgotten it,
 * and nothing is sent on it any more.
 */
function restBehind(context: EndpointContext, session: IkeSession, { config }: ChildSa): void {
  for (let old = session.predecessor; old; old = old.predecessor) {
    for (const child of old.children.values()) {
      if (child.config.name === config.name) sendNoMore(context, child);
    }
  }
}

function sendNoMore(context: EndpointContext, child: ChildSa): void {
  if (!child.isActive) return;
  child.isActive = false;
  context.outputs.push({ kind: 'deactivate-child', childId: child.id });
}

/** What a Child SA that goes had replaced stands on its own again, and is replaced anew when it is by time. Where our DELETE for it is
 * out, the peer may have forgotten it, and the packet path must not go back to it.
 */
function unlinkReplaced(context: EndpointContext, session: IkeSession, childId: number): void {
  for (const old of session.children.values()) {
    if (old.replacedBy !== childId) continue;
    old.replacedBy = undefined;
    if (old.deleting !== undefined) sendNoMore(context, old);
    else if (old.config.rekeyMs) old.softAt = retryMoment(context, 1);
  }
  armChildLifetime(context, session);
}

/** The peer deletes a Child SA that we are deleting as well, and that another has replaced: nothing is sent on it any more, but it
 * receives until our own DELETE is answered. Whoever has no sign yet that we have the other sends on it until that comes.
 * @returns false when that is not so: it goes at once.
 * @see RFC 7296 §1.4.1 (the incoming SA is deleted while processing the response)
 */
export function closeOutbound(
  context: EndpointContext,
  session: IkeSession,
  child: ChildSa,
): boolean {
  const successor = successorOf(session, child);
  if (!successor || child.deleting === undefined) return false;
  moveTo(context, session, child, successor);
  sendNoMore(context, child);
  return true;
}

/** Takes a Child SA out of its session: one that another has replaced still receives for a while, others go at once. */
export function retireOrRemove(
  context: EndpointContext,
  session: IkeSession,
  child: ChildSa,
  reason: string,
  action?: LossAction,
): void {
  const successor = successorOf(session, child);
  if (successor) {
    moveTo(context, session, child, successor);
    retireChild(context, session, child);
  } else if (isBehind(session)) letGoOfChild(context, session, child, reason);
  else removeChild(context, session, child, reason, action);
}

function successorOf({ children }: IkeSession, { replacedBy }: ChildSa): ChildSa | undefined {
  return replacedBy === undefined ? undefined : children.get(replacedBy);
}

/** Whatever the reason of its end, what has replaced a Child SA is all there is from now on, to send on and for its user. The end of
 * one that was redundant says nothing about the other: the peer may still wait for our answer about that.
 */
function moveTo(
  context: EndpointContext,
  session: IkeSession,
  child: ChildSa,
  successor: ChildSa,
): void {
  if (!child.isRedundant) activateReplacement(context, successor.id);
  announceReplacement(context, session, child, successor, 'peer');
}
