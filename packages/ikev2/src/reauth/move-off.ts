import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { activateReplacement } from '../session/let-go-of-child.ts';

/** Moves outbound from the Child SAs of an IKE SA to what has replaced them, before that IKE SA is deleted: a peer may drop their
 * inbound halves the moment that it is.
 * @returns whether anything has moved, and may be under way still.
 */
export function moveOff(context: EndpointContext, session: IkeSession): boolean {
  const before = context.outputs.length;
  for (const { replacedBy } of session.children.values()) {
    if (replacedBy !== undefined) activateReplacement(context, replacedBy);
  }
  return context.outputs.length > before;
}
