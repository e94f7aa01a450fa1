import type { Instant } from '@ipsec-kit/clock';
import type { LossAction } from '../config.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { SessionFailure } from '../events.ts';
import { isAuthOver } from '../reauth/auth-lifetime.ts';
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
  return heirOf(context, session, failure)
    ? 'none'
    : configuredAction(session, failure, context.now);
}

/** The session with the same peer that makes it superfluous to open anew one that has ended for this reason. */
export function heirOf(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): IkeSession | undefined {
  // What we delete to make it anew keeps its name, whatever the peer opens meanwhile.
  if (failure.code === 'reauthenticating') return undefined;
  return configuredAction(session, failure, context.now) === 'start'
    ? carriedOnBy(context, session)
    : undefined;
}

function configuredAction(session: IkeSession, failure: SessionFailure, now: Instant): LossAction {
  const { connection, role, lease } = session;
  if (!connection || session.isClosing || failure.code === 'closed-by-user') return 'none';
  // Whoever has an address of ours comes back by itself; it cannot be called.
  if (role === 'responder' && lease) return 'none';
  if (session.awaitsPeer) return 'none';
  if (session.isReopened) return 'start';
  switch (failure.code) {
    case 'reauthenticating':
      return 'start';
    case 'lifetime-over':
      // The peer who opened it has not replaced it, and may never.
      return role === 'initiator' ? 'start' : (connection.closeAction ?? 'none');
    case 'out-of-step':
      return role === 'initiator' ? 'start' : 'none';
    case 'peer-dead':
      return connection.dpdAction ?? 'none';
    case 'peer-deleted': {
      const action = connection.closeAction ?? 'none';
      // It ends what it let count for no longer, and waits for us to prove anew who we are.
      return action === 'none' && isAuthOver(session, now) ? 'start' : action;
    }
    default:
      return 'none';
  }
}

/** Whether the peer, which has deleted the IKE SA, is given time to open another in its place: one that reauthenticates and breaks
 * before it makes says no more than that DELETE. Not where it has given us an address, which only we can ask for again.
 * @see RFC 7296 §2.8.3
 */
export function mayComeBack(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): boolean {
  const { connection, state, isClosing, isReopened, lease, virtualAddresses } = session;
  if (failure.code !== 'peer-deleted' || (connection?.peerReopensMs ?? 0) <= 0) return false;
  if (state.kind !== 'established' || isClosing || isReopened) return false;
  if (lease || virtualAddresses.length > 0) return false;
  return (connection?.closeAction ?? 'none') === 'none' && !carriedOnBy(context, session);
}
