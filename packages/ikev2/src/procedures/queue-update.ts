import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { newUpdate } from './new-update.ts';
import type { UpdateReason } from './procedure.ts';
import { enqueue } from './run-procedures.ts';

/** Tells the peer where we are, before all else that waits; one that waits already, or has begun with this very input, will tell it
 * as well.
 */
export function updateAddresses(
  context: EndpointContext,
  session: IkeSession,
  reason: UpdateReason,
): void {
  const { queue, running } = session;
  if (queue.some(({ kind }) => kind === 'update-addresses')) return;
  const isBegun = running?.procedure.kind === 'update-addresses';
  if (isBegun && running.startedAt === context.now) return;
  enqueue(context, session, newUpdate(context, reason), 'first');
}
