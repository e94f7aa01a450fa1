import { addMs, earlierOf, msBetween } from '@ipsec-kit/clock';
import { activateChild } from '../child/activate-child.ts';
import { armChildLifetime } from '../child/arm-child-lifetime.ts';
import type { ChildSa } from '../child/child-sa.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { CHILD_LIFETIME_OVER } from '../errors/endings.ts';
import { isToStay } from '../loss/lost-child.ts';
import { enqueue } from '../procedures/run-procedures.ts';
import { dropMove } from '../reauth/drop-move.ts';
import type { IkeSession } from './ike-session.ts';
import { LATE_WAKE_MS } from './late-wake.ts';
import { activateReplacement, retireOrRemove } from './let-go-of-child.ts';
import { shownSession } from './shown-session.ts';

/** What a replacement is given at least, from when it is begun, before a hard lifetime ends the old Child SA:
 * after a late wake both may be due at once, and nothing is deleted while its replacement is on the way.
 */
export const REPLACEMENT_GRACE_MS: number = 60_000;

/** Soft and hard lifetimes that are over: the soft ones first, whose Child SAs are replaced; then the hard ones, which
 * are deleted on both sides, and here in any case when the peer does not answer.
 */
export function onChildLifetimeOver(context: EndpointContext, session: IkeSession): void {
  for (const child of [...session.children.values()]) {
    if (child.softAt === undefined || child.softAt > context.now) continue;
    const lateMs = msBetween(child.softAt, context.now);
    child.softAt = undefined;
    if (lateMs > LATE_WAKE_MS) putOffEnd(context, session, child);
    rekeyChild(context, session, child.id);
  }
  for (const child of [...session.children.values()]) {
    if (child.expiresAt === undefined || child.expiresAt > context.now) continue;
    if (child.deleting !== undefined) dropUnanswered(context, session, child);
    else endChild(context, session, child);
  }
  armChildLifetime(context, session);
}

/** Has a Child SA replaced, unless that is under way. */
export function rekeyChild(context: EndpointContext, session: IkeSession, childId: number): void {
  const child = session.children.get(childId);
  if (session.state.kind !== 'established' || !child) return;
  if (child.deleting !== undefined || child.replacedBy !== undefined) return;
  if (isBeingRekeyed(session, childId)) return;
  if (!child.isActive) {
    // The peer may still wait for the response that tells it of this one, and would not know what to replace.
    child.isRekeyDue = true;
    return;
  }
  enqueue(context, session, { kind: 'rekey-child', childId });
}

/** A limit of bytes, packets or sequence numbers is reached: at the hard one the Child SA carries nothing any more,
 * so its replacement is used at once where there is one, and it ends when there is none in time.
 */
export function onChildLimit(
  context: EndpointContext,
  childId: number,
  limit: 'soft' | 'hard',
): void {
  const session = context.sessionsByChild.get(childId);
  const child = session?.children.get(childId);
  if (!session || !child) return;
  // RFC 7296 §2.25: what the peer has put off MUST NOT be asked for again at once.
  const isPutOff = child.retryAt !== undefined && context.now < child.retryAt;
  if (!isPutOff) rekeyChild(context, session, childId);
  if (limit === 'soft') return;
  if (child.replacedBy !== undefined) activateReplacement(context, child.replacedBy);
  const latest = addMs(context.now, REPLACEMENT_GRACE_MS);
  child.expiresAt = earlierOf(child.expiresAt ?? latest, latest);
  armChildLifetime(context, session);
}

/** Ends one Child SA with DELETE, and then what has replaced it, which may be what is sent on; once only, however often it is
 * asked for. While a session is reauthenticated it may be one of the old IKE SA, which then is not moved any more.
 */
export function closeChild(
  context: EndpointContext,
  session: IkeSession,
  childId: number,
  reason: string,
): void {
  const owner = context.sessionsByChild.get(childId);
  const child = owner?.children.get(childId);
  if (!owner || !child || shownSession(owner) !== shownSession(session)) return;
  const { replacedBy } = child;
  dropMove(session, child);
  deleteChild(context, owner, child, reason);
  if (replacedBy !== undefined) closeChild(context, session, replacedBy, reason);
}

function deleteChild(
  context: EndpointContext,
  session: IkeSession,
  child: ChildSa,
  reason: string,
): void {
  if (session.state.kind !== 'established' || child.deleting !== undefined) return;
  child.deleting = reason;
  enqueue(context, session, { kind: 'delete-child', childId: child.id, reason });
}

/** The hard end of a Child SA that was to be replaced and could not, or has none to follow it. Where it is wanted further, another is
 * asked for before the DELETE leaves: while that is on its way, the old one carries what there is.
 */
function endChild(context: EndpointContext, session: IkeSession, child: ChildSa): void {
  const { config, replacedBy, deleting } = child;
  child.expiresAt = addMs(context.now, REPLACEMENT_GRACE_MS);
  const successor = context.sessionsByChild.get(replacedBy ?? 0)?.children.get(replacedBy ?? 0);
  if (successor) {
    // What has replaced it is all there is from now on.
    if (successor.activateAt !== undefined) activateChild(context, session, successor);
    deleteChild(context, session, child, CHILD_LIFETIME_OVER);
    return;
  }
  // Where the IKE SA ends as well, whatever takes its place asks for all that is there.
  const isStaying = session.state.kind === 'established' && !session.isClosing;
  const isLost = isStaying && replacedBy === undefined && deleting === undefined;
  if (isLost && isToStay(session, child)) {
    enqueue(context, session, { kind: 'create-child', name: config.name, postponements: 0 });
  } else if (isLost && session.connection?.closeAction === 'trap') {
    child.endAction = 'trap';
  }
  closeChild(context, session, child.id, CHILD_LIFETIME_OVER);
}

/** The DELETE at the end of its life has found no answer, or waits behind a request that has none: the keys go all the same,
 * and the peer is told when it is back.
 */
function dropUnanswered(context: EndpointContext, session: IkeSession, child: ChildSa): void {
  const { queue } = session;
  const { id, inboundSpi, deleting = CHILD_LIFETIME_OVER } = child;
  const waiting = queue.findIndex((entry) => entry.kind === 'delete-child' && entry.childId === id);
  if (waiting >= 0) queue.splice(waiting, 1, { kind: 'withdraw-child', inboundSpi });
  retireOrRemove(context, session, child, deleting);
}

function isBeingRekeyed({ queue, running }: IkeSession, childId: number): boolean {
  const procedures = running ? [running.procedure, ...queue] : queue;
  return procedures.some((entry) => entry.kind === 'rekey-child' && entry.childId === childId);
}

function putOffEnd(context: EndpointContext, session: IkeSession, child: ChildSa): void {
  const earliest = addMs(context.now, REPLACEMENT_GRACE_MS);
  if (child.expiresAt === undefined || child.expiresAt >= earliest || child.isEndPutOff) return;
  child.isEndPutOff = true;
  child.expiresAt = earliest;
  armChildLifetime(context, session);
}
