import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { ONE_OF_TWO } from '../errors/endings.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { hasNotAsked } from './turns.ts';

/** Accepts the peer's attempt to replace an IKE SA. Our own, if it has not asked yet, gives way: what it was to do the peer's does,
 * whose success is its outcome as well; if that comes to nothing, ours begins anew.
 */
export function giveWay(context: EndpointContext, session: IkeSession, old: IkeSession): void {
  old.peerSuccessor = session;
  const own = old.successor;
  if (!own || !hasNotAsked(own)) return;
  old.successor = undefined;
  if (!own.isSecondTry) {
    old.isReauthDue = true;
    context.waitingReauths.add(old);
  }
  endSession(context, own, ONE_OF_TWO);
}
