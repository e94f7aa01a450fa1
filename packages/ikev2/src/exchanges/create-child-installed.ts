import { armChildLifetime } from '../child/arm-child-lifetime.ts';
import { adoptChild, announceReplacement } from '../child/install-child.ts';
import { retryMoment } from '../collisions/retry-pause.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import { installFailed } from '../errors/failures.ts';
import { eraseChildKeys } from '../keys/child-keys.ts';
import { giveWayToMoved } from '../reauth/left-behind.ts';
import { announceOpened, closeWithReplaced } from '../reauth/reauth-child.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { failChildAttempt, onDeletedEarly } from './create-child-refused.ts';
import type { Initiation } from './create-child-state.ts';

/** Reason of a DELETE that ends what a rekey has replaced. */
export const REPLACED: string = 'replaced by a rekey';

/** The packet path has the Child SA that we asked the peer for: it is in use from now on, and what it replaces is deleted;
 * or it is deleted itself, when the peer's replacement stays. @see RFC 7296 §2.8, §2.8.1
 */
export function onChildInstalled(
  context: EndpointContext,
  session: IkeSession,
  state: Extract<Initiation, { readonly kind: 'installing-child' }>,
  answer: Answer,
): void {
  const { attempt, child } = state;
  if (answer.kind !== 'install-child' || !answer.ok) {
    const reason =
      answer.kind === 'install-child' || answer.kind === 'failed' ? answer.reason : undefined;
    eraseChildKeys(child.inboundKeys, child.outboundKeys);
    session.queue.unshift({ kind: 'withdraw-child', inboundSpi: child.inboundSpi });
    const failure = installFailed(reason ?? 'no reason given');
    failChildAttempt(context, session, attempt, failure, retryMoment(context, 1));
    return;
  }
  if (session.deletedEarly.has(child.outboundSpi)) {
    context.outputs.push({ kind: 'remove-child', childId: child.id });
    onDeletedEarly(context, session, attempt);
    return;
  }
  const { rival, running } = session;
  const isOver = running?.procedure.kind === 'create-child' && running.procedure.isOver === true;
  session.deletedEarly.clear();
  session.initiation = undefined;
  session.running = undefined;
  session.rival = undefined;
  const fresh = adoptChild(context, session, child);
  const old = child.replaces === undefined ? undefined : session.children.get(child.replaces);
  const closedFor = child.rekeyed?.deleting;
  const rivalId = rival?.kind === 'child' ? rival.childId : undefined;
  const other = rivalId === undefined ? undefined : session.children.get(rivalId);
  if (child.isRedundant) {
    // Where the other is gone as well, it has been replaced or closed since: this one was made for neither.
    fresh.replacedBy = other?.id;
    remove(session, fresh.id, 'redundant after both sides rekeyed');
  } else if (closedFor !== undefined) {
    // Closed by its user while it was being replaced: so is the replacement, but not before, since it is what we send on.
    fresh.deleting = closedFor;
    session.queue.push({ kind: 'delete-child', childId: fresh.id, reason: closedFor });
  } else if (old || other) {
    if (other && other !== fresh) {
      other.isRedundant = true;
      // Unless a reauthentication has moved both.
      other.replacedBy = fresh.replacedBy ?? fresh.id;
      other.activateAt = undefined;
      announceReplacement(context, session, other, fresh, 'local');
    }
    if (old) {
      announceReplacement(context, session, old, fresh, 'local');
      remove(session, old.id, REPLACED);
    }
  } else {
    if (attempt.moves) closeWithReplaced(session, child, isOver);
    // One that goes at once is none that its user ever had.
    if (fresh.deleting === undefined) announceOpened(context, session, child);
    if (attempt.rekeys === undefined && !attempt.moves)
      giveWayToMoved(session, fresh, running?.movedTo);
  }
  armChildLifetime(context, session);
}

function remove(session: IkeSession, childId: number, reason: string): void {
  const child = session.children.get(childId);
  if (!child) return;
  child.deleting = reason;
  session.queue.unshift({ kind: 'delete-child', childId, reason });
}
