import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { enqueue } from '../procedures/run-procedures.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Moves what the old IKE SA carries beside its first Child SA, one CREATE_CHILD_SA each, and then deletes it. Where the old
 * one is lost already, opens what it had.
 */
export function moveRemaining(context: EndpointContext, session: IkeSession): void {
  const { predecessor, furtherChildren } = session;
  session.furtherChildren = [];
  for (const name of furtherChildren) {
    enqueue(context, session, { kind: 'create-child', name, postponements: 0 });
  }
  if (!predecessor) return;
  for (const { config, replacedBy, deleting } of predecessor.children.values()) {
    if (replacedBy !== undefined || deleting !== undefined) continue;
    session.queue.push({ kind: 'create-child', name: config.name, postponements: 0 });
  }
  enqueue(context, session, { kind: 'delete-predecessor' });
}
