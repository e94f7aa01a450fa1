import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { CLOSED_BY_USER } from '../errors/endings.ts';
import { endWithDelete } from '../procedures/request-end.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Deletes the IKE SA of a session that its user closes, once that before it is gone, whose DELETE is on its way: to the peer the
 * end of the new one first would mean that the old one goes on.
 */
export function closeFront(context: EndpointContext, session: IkeSession): void {
  if (!session.predecessor) endWithDelete(context, session, CLOSED_BY_USER);
}
