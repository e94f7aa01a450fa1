import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { enqueue } from '../procedures/run-procedures.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';
import { takeLeftBehind } from './left-behind.ts';

/** Moves what the old IKE SA carries beside its first Child SA, one CREATE_CHILD_SA each, and then deletes it. Where the old
 * one is lost already, opens what it had.
 */
export function moveRemaining(context: EndpointContext, session: IkeSession): void {
  const { predecessor, furtherChildren } = session;
  session.furtherChildren = [];
  for (const name of furtherChildren) {
    enqueue(context, session, { kind: 'create-child', name, postponements: 0 });
  }
  // Behind another that was made at the same time, it is about to be deleted.
  if (!predecessor || isBehind(session)) return;
  session.queue.push(...takeLeftBehind(predecessor));
  enqueue(context, session, { kind: 'delete-predecessor' });
}
