import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { UpdateReason } from './procedure.ts';
import { enqueue } from './run-procedures.ts';
import { isTold, newUpdate } from './update-addresses.ts';

/** Tells the peer where we are, before all else that waits; one that waits already will tell it as well. */
export function updateAddresses(
  context: EndpointContext,
  session: IkeSession,
  reason: UpdateReason,
  updateId?: number,
): void {
  if (isTold(session, updateId)) return;
  enqueue(context, session, newUpdate(context, reason, updateId), 'first');
}
