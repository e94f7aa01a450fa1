import { addMs } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { shownSession } from '../session/shown-session.ts';
import { armChildLifetime } from './arm-child-lifetime.ts';
import type { ChildSa } from './child-sa.ts';

/** How long a responder keeps sending on the old Child SA when the initiator neither uses the new one nor deletes the old: as
 * long as it may still be asking for our response, without which it has no keys for what we would send. A strongSwan with its
 * defaults does so for 165 s. Nothing is lost meanwhile, since the old one receives until its DELETE.
 */
export const ACTIVATION_PATIENCE_MS: number = 165_000;

/** Lets outbound traffic use a Child SA that waited for a sign that the peer has it; once only. Never one whose replacement is in
 * use already: the peer may rekey what our reauthentication replaces, and outbound would go back to an IKE SA that is about to go.
 * @see RFC 7296 §2.8
 */
export function activateChild(context: EndpointContext, session: IkeSession, child: ChildSa): void {
  if (child.isActive) return;
  if (isPassedOver(context, child)) {
    child.activateAt = undefined;
    return;
  }
  child.isActive = true;
  context.outputs.push({ kind: 'activate-child', childId: child.id });
  for (const [requestId, installation] of context.installations) {
    const owner = context.awaitedAnswers.get(requestId);
    if (owner && shownSession(owner) === shownSession(session)) installation.isOvertaken = true;
  }
  armActivation(context, session);
  if (!child.isRekeyDue) return;
  child.isRekeyDue = false;
  child.softAt = context.now;
  armChildLifetime(context, session);
}

/** A Child SA that was to be used from its installation on stands, and what it replaces was put to use while that was under way,
 * since the peer rekeyed it: outbound moves to the new one now.
 */
export function useAgain(context: EndpointContext, childId: number): void {
  const child = context.sessionsByChild.get(childId)?.children.get(childId);
  if (!child?.isActive || isPassedOver(context, child)) return;
  context.outputs.push({ kind: 'activate-child', childId });
}

/** Whether what has replaced it, directly or in turn, is in use. */
function isPassedOver(context: EndpointContext, { replacedBy }: ChildSa): boolean {
  for (let id = replacedBy; id !== undefined; ) {
    const later: ChildSa | undefined = context.sessionsByChild.get(id)?.children.get(id);
    if (later?.isActive) return true;
    id = later?.replacedBy;
  }
  return false;
}

/** The first authenticated packet of a Child SA has come: the peer has it, so it is ours to use as well. It may be told of
 * before the answer to its installation: then it is remembered until that comes.
 */
export function onFirstInbound(context: EndpointContext, childId: number): void {
  const session = context.sessionsByChild.get(childId);
  const child = session?.children.get(childId);
  if (session && child) {
    // One that lost against another stays unused, whoever sends on it. @see RFC 7296 §2.8.1
    if (child.activateAt !== undefined) activateChild(context, session, child);
    return;
  }
  for (const installation of context.installations.values()) {
    if (installation.childId === childId) installation.hasInbound = true;
  }
}

/** No sign came: whatever the peer does with the old one, its answer to our response is due by now. */
export function onActivationTimer(context: EndpointContext, session: IkeSession): void {
  for (const child of [...session.children.values()]) {
    if (child.activateAt !== undefined && child.activateAt <= context.now) {
      activateChild(context, session, child);
    }
  }
  armActivation(context, session);
}

/** When a Child SA that is adopted now is activated at the latest. */
export function activationDeadline(context: EndpointContext): ChildSa['activateAt'] {
  return addMs(context.now, ACTIVATION_PATIENCE_MS);
}

/** Sets the deadline for the Child SA whose patience ends first. */
export function armActivation(context: EndpointContext, session: IkeSession): void {
  let first: ChildSa['activateAt'];
  for (const { isActive, activateAt } of session.children.values()) {
    if (isActive || activateAt === undefined) continue;
    if (first === undefined || activateAt < first) first = activateAt;
  }
  if (first === undefined) context.deadlines.clear(session.id, 'activation');
  else setTimer(context, session, 'activation', first, { label: 'use of a new Child SA' });
}
