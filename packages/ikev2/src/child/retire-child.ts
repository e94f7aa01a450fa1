import { addMs } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isPassedOver } from './activate-child.ts';
import type { ChildSa, RetiredChild } from './child-sa.ts';

/** How long the inbound half of a replaced Child SA stays after its DELETE, for packets that are still under way.
 * @see RFC 7296 §2.8 (the old SA may be used for a while)
 */
export const RETIRED_CHILD_MS: number = 5_000;

/** More at once mean that a peer replaces Child SAs without end: the oldest goes early. */
const MAX_RETIRED = 128;

/** Takes a replaced Child SA out of its session, and leaves it in the packet path for {@link RETIRED_CHILD_MS}.
 * No event: to its user it lives on in the one that replaced it.
 * @param holder - the session that remembers to remove it: the one of the replacement, when the IKE SA was replaced as well.
 */
export function retireChild(
  context: EndpointContext,
  session: IkeSession,
  child: ChildSa,
  holder: IkeSession = session,
): void {
  // Until then it is all there is to send on.
  if (child.isActive && isPassedOver(context, child)) {
    context.outputs.push({ kind: 'deactivate-child', childId: child.id });
  }
  session.children.delete(child.id);
  // One before it that waits for its own end has what comes next.
  for (const other of session.children.values()) {
    if (other.replacedBy === child.id) other.replacedBy = child.replacedBy;
  }
  context.sessionsByChild.delete(child.id);
  const { id, inboundSpi } = child;
  holder.retired.push({ id, inboundSpi, until: addMs(context.now, RETIRED_CHILD_MS) });
  dropOldest(context, holder);
  armRetired(context, holder);
}

/** Removes the retired Child SAs whose time is over. */
export function onRetiredTimer(context: EndpointContext, session: IkeSession): void {
  for (;;) {
    const [first] = session.retired;
    if (!first || first.until > context.now) break;
    session.retired.shift();
    remove(context, first);
  }
  armRetired(context, session);
}

/** Removes all retired Child SAs of a session at once: it ends. */
export function dropRetired(context: EndpointContext, session: IkeSession): void {
  for (const child of session.retired) remove(context, child);
  session.retired.length = 0;
}

/** Hands the retired Child SAs of a session to the one that takes its place. */
export function inheritRetired(context: EndpointContext, from: IkeSession, to: IkeSession): void {
  to.retired.push(...from.retired);
  to.retired.sort((a, b) => a.until - b.until);
  dropOldest(context, to);
  from.retired.length = 0;
  context.deadlines.clear(from.id, 'retired-child');
  armRetired(context, to);
}

function dropOldest(context: EndpointContext, { retired }: IkeSession): void {
  const tooMany = Math.max(0, retired.length - MAX_RETIRED);
  for (const oldest of retired.splice(0, tooMany)) remove(context, oldest);
}

function remove(context: EndpointContext, { id, inboundSpi }: RetiredChild): void {
  context.inboundChildSpis.delete(inboundSpi);
  context.outputs.push({ kind: 'remove-child', childId: id });
}

function armRetired(context: EndpointContext, session: IkeSession): void {
  const [first] = session.retired;
  if (!first) context.deadlines.clear(session.id, 'retired-child');
  else {
    setTimer(context, session, 'retired-child', first.until, {
      label: 'removal of a replaced Child SA',
      toleranceMs: 1_000,
      wake: 'process',
    });
  }
}
