import { armChildLifetime } from '../child/install-child.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { enqueue } from '../procedures/run-procedures.ts';
import type { IkeSession } from './ike-session.ts';

/** A hard lifetime has ended: the Child SA is deleted on both sides. */
export function onChildLifetimeOver(context: EndpointContext, session: IkeSession): void {
  for (const child of session.children.values()) {
    if (child.expiresAt === undefined || child.expiresAt > context.now) continue;
    closeChild(context, session, child.id, 'its lifetime is over');
  }
  armChildLifetime(context, session);
}

/** Ends one Child SA with DELETE; once only, however often it is asked for. */
export function closeChild(
  context: EndpointContext,
  session: IkeSession,
  childId: number,
  reason: string,
): void {
  const child = session.children.get(childId);
  if (session.state.kind !== 'established' || !child || child.deleting !== undefined) return;
  child.deleting = reason;
  enqueue(context, session, { kind: 'delete-child', childId, reason });
}
