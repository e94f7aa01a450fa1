import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { enqueue } from '../procedures/run-procedures.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Moves what the old IKE SA carries beside its first Child SA, one CREATE_CHILD_SA each, and then deletes it. */
export function moveRemaining(context: EndpointContext, session: IkeSession): void {
  const { predecessor } = session;
  if (!predecessor) return;
  for (const { config, replacedBy, deleting } of predecessor.children.values()) {
    if (replacedBy !== undefined || deleting !== undefined) continue;
    session.queue.push({ kind: 'create-child', name: config.name, postponements: 0 });
  }
  enqueue(context, session, { kind: 'delete-predecessor' });
}
