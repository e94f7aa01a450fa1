import { carryBinding } from '../binding/carry-binding.ts';
import { activateChild } from '../child/activate-child.ts';
import type { ChildSa } from '../child/child-sa.ts';
import { announceChild, announceReplacement } from '../child/install-child.ts';
import { inheritRetired } from '../child/retire-child.ts';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import type { SessionFailure } from '../events.ts';
import { leaveTo } from '../loss/carried-on-by.ts';
import { furtherChildren } from '../loss/further-children.ts';
import { heirOf, lossAction, mayComeBack } from '../loss/loss-action.ts';
import { awaitPeer, openAnew } from '../loss/open-anew.ts';
import { spisOf } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';
import { goneWith } from './gone-with.ts';
import { firstChild } from './living-children.ts';
import { meantForOldUntil } from './meant-for-old.ts';
import { passOnAttempt } from './pass-on-attempt.ts';
import { inheritCloses } from './pass-on-closes.ts';
import { predecessorsOf } from './predecessors-of.ts';
import { exchangeIds } from './session-name.ts';
import { hasNotAsked } from './turns.ts';

/** The IKE SA of a session is about to end. Where another carries the session on, or is to be opened, that one gets its name,
 * and the end is none of the session.
 */
export function passOnName(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): void {
  if (isBehind(session)) return;
  const { predecessor, successor } = session;
  const isPeerGone = goneWith(session, failure).length > 0;
  if (predecessor && !isPeerGone && canCarryOn(session, predecessor)) {
    returnToOld(context, session, predecessor, failure);
  } else if (successor && isAlive(successor)) {
    goOnWith(context, session, successor, failure);
  } else if (lossAction(context, session, failure) === 'start') {
    openAnew(context, session, failure);
  } else if (mayComeBack(context, session, failure)) {
    awaitPeer(context, session, failure);
  } else {
    const heir = heirOf(context, session, failure);
    if (heir) leaveTo(context, heir, session);
  }
}

function isAlive({ state }: IkeSession): boolean {
  return state.kind !== 'closed' && state.kind !== 'lingering';
}

/** The old one is still there; or it is about to go as well, and its end is awaited because the user wants all of it closed.
 * What the peer has deleted already, and only waits for the answer, carries nothing on.
 */
function canCarryOn(session: IkeSession, old: IkeSession): boolean {
  if (session.isClosing && old.state.kind === 'ending') return true;
  return old.state.kind === 'established' && (session.isClosing || old.lateAnswer === undefined);
}

/** The new IKE SA did not hold: the initiator refused it, or never had it. */
function returnToOld(
  context: EndpointContext,
  session: IkeSession,
  old: IkeSession,
  failure: SessionFailure,
): void {
  exchangeIds(context, session, old);
  session.predecessor = undefined;
  session.takenOverBy = old;
  old.takenOverBy = undefined;
  old.liveness = session.liveness;
  session.liveness = undefined;
  carryBinding(context, session, old);
  old.isClosing ||= session.isClosing;
  passOnAttempt(session, old);
  inheritCloses(session, old);
  if (session.isReauthDue) {
    old.isReauthDue = true;
    context.waitingReauths.add(old);
  }
  inheritRetired(context, session, old);
  for (const { children } of [old, ...predecessorsOf(old)]) {
    // What has moved, or was about to, is here: another IKE SA in this place has to move it again.
    for (const child of children.values()) child.isMoved = false;
  }
  for (const child of old.children.values()) {
    const replacement = session.children.get(child.replacedBy ?? 0);
    if (!replacement) continue;
    child.replacedBy = undefined;
    // What the peer has sent on it until now still arrives.
    replacement.replacedBy = child.id;
    // Passed over while the new one was in use.
    if (child.activateAt === undefined) activateChild(context, old, child);
    announceReplacement(context, old, replacement, child, 'local');
    if (replacement.deleting === undefined || child.deleting !== undefined) continue;
    // Closed by its user in the new IKE SA: so it is in the old one.
    child.deleting = replacement.deleting;
    old.queue.push({ kind: 'delete-child', childId: child.id, reason: child.deleting });
  }
  for (const child of old.children.values()) {
    if (child.replacedBy === undefined && !isKnown(old, child)) {
      tellOf(context, session, old, child);
    }
  }
  if (old.isClosing) return;
  const about = { sessionId: old.id, spis: spisOf(old.sa) };
  raise(context, { kind: 'reauthentication-failed', ...about, failure, retryInMs: 0 });
}

/** Whether its user knows it, or the one that it has replaced, whose end tells of it. */
function isKnown({ children }: IkeSession, { id, isAnnounced }: ChildSa): boolean {
  return (
    isAnnounced || [...children.values()].some((one) => one.replacedBy === id && one.isAnnounced)
  );
}

/** Its user does not know it yet: to them it is the one of the same name of the IKE SA that ends, or a new one. */
function tellOf(
  context: EndpointContext,
  session: IkeSession,
  old: IkeSession,
  child: ChildSa,
): void {
  const known = [...session.children.values()].find(
    ({ isAnnounced, config }) => isAnnounced && config.name === child.config.name,
  );
  if (known) announceReplacement(context, old, known, child, 'local');
  else announceChild(context, old, child);
}

/** The old IKE SA is gone before the new one stands: the session is interrupted, and goes on when it does. */
function goOnWith(
  context: EndpointContext,
  session: IkeSession,
  successor: IkeSession,
  failure: SessionFailure,
): void {
  // What has been closed meanwhile is asked for no more.
  if (hasNotAsked(successor)) {
    successor.childName = firstChild(successor)?.config.name ?? successor.childName;
  }
  exchangeIds(context, session, successor);
  session.successor = undefined;
  session.takenOverBy = successor;
  successor.isReopened = true;
  successor.takesOver = undefined;
  successor.meantForOldUntil = meantForOldUntil(context.now);
  successor.furtherChildren = furtherChildren(session, successor.childName);
  successor.isClosing ||= session.isClosing;
  inheritRetired(context, session, successor);
  if (successor.isClosing) return;
  const sessionId = successor.id;
  raise(context, { kind: 'session-interrupted', sessionId, by: 'local', failure, retryInMs: 0 });
}
