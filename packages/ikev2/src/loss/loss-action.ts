import type { LossAction } from '../config.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { SessionFailure } from '../events.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { carriedOnBy } from './carried-on-by.ts';

/** What the connection wants when its IKE SA has ended for this reason: forget the session, let traffic open it again, or
 * open it again at once, unless the peer has done that. What the user closed stays closed; one that a reauthentication broke first is made again.
 */
export function lossAction(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): LossAction {
  return heirOf(context, session, failure) ? 'none' : configuredAction(session, failure);
}

/** The session with the same peer that makes it superfluous to open anew one that has ended for this reason. */
export function heirOf(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): IkeSession | undefined {
  // What we delete to make it anew keeps its name, whatever the peer opens meanwhile.
  if (failure.code === 'reauthenticating') return undefined;
  return configuredAction(session, failure) === 'start' ? carriedOnBy(context, session) : undefined;
}

function configuredAction(session: IkeSession, failure: SessionFailure): LossAction {
  const { connection, role, lease } = session;
  if (!connection || session.isClosing || failure.code === 'closed-by-user') return 'none';
  // Whoever has an address of ours comes back by itself; it cannot be called.
  if (role === 'responder' && lease) return 'none';
  if (session.isReopened) return 'start';
  switch (failure.code) {
    case 'reauthenticating':
      return 'start';
    case 'lifetime-over':
    case 'out-of-step':
      return role === 'initiator' ? 'start' : 'none';
    case 'peer-dead':
      return connection.dpdAction ?? 'none';
    case 'peer-deleted':
      return connection.closeAction ?? 'none';
    default:
      return 'none';
  }
}
