import { addressesEqual } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { moveChildren } from '../session/move-path.ts';
import type { StateKind } from '../session/states.ts';
import { resendOutstanding } from './send-outstanding.ts';

/** States in which a request is out. */
const AWAITING_RESPONSE: ReadonlySet<StateKind> = new Set([
  'awaiting-init-response',
  'awaiting-intermediate-response',
  'awaiting-auth-response',
]);

/** The IKE SAs behind a session leave their path with it: those that wait for their DELETE, and one that is being opened to take
 * its place. The latter goes on to the same address of the peer; towards another it is an exchange of its own, and it ends
 * by itself.
 * @see RFC 7296 §2.1 (the same bytes may leave from elsewhere), §2.6 (a request holds for one destination)
 */
export function moveBehind(context: EndpointContext, session: IkeSession): void {
  const { path, successor } = session;
  for (let old = session.predecessor; old; old = old.predecessor) {
    old.path = path;
    moveChildren(context, old, path);
    resendOutstanding(context, old);
  }
  if (successor && addressesEqual(successor.path.remote.address, path.remote.address)) {
    leaveFrom(context, successor, path.local.address);
  }
}

/** A session that is being opened goes on from another address of ours. */
export function leaveFrom(
  context: EndpointContext,
  session: IkeSession,
  address: IkeSession['path']['local']['address'],
): void {
  const from = (path: IkeSession['path']): IkeSession['path'] => ({
    local: { address, port: path.local.port },
    remote: path.remote,
  });
  session.path = from(session.path);
  session.firstPath = from(session.firstPath);
  if (session.floatTo) session.floatTo = from(session.floatTo);
  if (AWAITING_RESPONSE.has(session.state.kind)) resendOutstanding(context, session);
}
