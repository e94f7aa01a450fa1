import { addMs } from '@ipsec-kit/clock';
import {
  type EndpointContext,
  type PendingInstallation,
  setTimer,
} from '../endpoint/endpoint-context.ts';
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
  const coming = comingInstead(context, session, child);
  if (coming) {
    child.activateAt = undefined;
    coming.putOff.push(child.id);
    return;
  }
  child.isActive = true;
  context.outputs.push({ kind: 'activate-child', childId: child.id });
  armActivation(context, session);
  if (!child.isRekeyDue) return;
  child.isRekeyDue = false;
  child.softAt = context.now;
  armChildLifetime(context, session);
}

/** What the session is about to send on in the place of a Child SA, once it is installed: the peer has that already, and may have
 * rekeyed this one before it saw our request for that. The packet path would go on with whichever is told of last.
 */
function comingInstead(
  context: EndpointContext,
  session: IkeSession,
  { config }: ChildSa,
): PendingInstallation | undefined {
  for (const [requestId, installation] of context.installations) {
    if (installation.movesOutboundOf !== config.name) continue;
    const owner = context.awaitedAnswers.get(requestId);
    if (owner && owner !== session && shownSession(owner) === shownSession(session)) {
      return installation;
    }
  }
  return undefined;
}

/** A Child SA is installed, or could not be: what was to be put to use meanwhile is, unless that has taken its place. */
export function activatePutOff(context: EndpointContext, { putOff }: PendingInstallation): void {
  for (const childId of putOff) {
    const session = context.sessionsByChild.get(childId);
    const child = session?.children.get(childId);
    if (session && child) activateChild(context, session, child);
  }
}

/** Whether what has replaced it, directly or in turn, is in use. */
export function isPassedOver(context: EndpointContext, { replacedBy }: ChildSa): boolean {
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

/** The first message under an IKE SA that stands has come, and has been worked on: the peer has our answer to its IKE_AUTH request, and
 * with it the Child SA that was made there. It may not send on that for long, and what that replaces may be gone there already.
 * @see RFC 7296 §2.8, §1.2
 */
export function onFirstUse(context: EndpointContext, session: IkeSession): void {
  if (session.role !== 'responder' || session.state.kind !== 'established') return;
  for (const child of [...session.children.values()]) {
    if (child.activateAt !== undefined) activateChild(context, session, child);
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
