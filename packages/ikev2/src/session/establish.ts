import { PeerFollower } from '@ipsec-kit/nat-t';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import { beginMobike } from '../mobike/begin-mobike.ts';
import { ppkOutcome } from '../ppk/ppk-use.ts';
import { closeFront } from '../reauth/close-front.ts';
import { armReauthentication } from '../reauth/reauth-timer.ts';
import { takeOver } from '../reauth/take-over.ts';
import { keepOneOfTwo } from '../unique/uniqueness.ts';
import { releaseHalfOpen } from './close-session.ts';
import { armIkeLifetime } from './ike-lifetime.ts';
import { spisOf } from './ike-sa.ts';
import type { IkeSession } from './ike-session.ts';
import { beginLiveness } from './liveness.ts';

/** The IKE SA stands on both sides: tells about it, and starts what keeps it alive.
 * A wish to close that came meanwhile is fulfilled at once.
 */
export function establish(context: EndpointContext, session: IkeSession): void {
  const { connection, localIdentity, remoteIdentity } = session;
  if (!connection || !localIdentity || !remoteIdentity) return;
  releaseHalfOpen(context, session);
  session.lastInboundAt = context.now;
  session.establishedAt = context.now;
  context.peerSessions.add(session);
  const isReauthentication = takeOver(context, session);
  // A session that is opened anew only to be closed was closed for its user before.
  if (!isReauthentication && !(session.isReopened && session.isClosing)) {
    raise(context, {
      kind: 'session-opened',
      sessionId: session.id,
      connection: connection.name,
      localIdentity,
      remoteIdentity,
      ...(session.eapIdentity ? { eapIdentity: session.eapIdentity } : {}),
      ...ppkOutcome(session),
      path: session.path,
      virtualAddresses: session.virtualAddresses,
      peerAddresses: session.lease?.addresses.map(({ address }) => address) ?? [],
      by: session.role === 'initiator' ? 'local' : 'peer',
      spis: spisOf(session.sa),
    });
  }
  session.isReopened = false;
  session.follower = new PeerFollower(context.now, session.path);
  beginMobike(context, session);
  beginLiveness(context, session);
  armReauthentication(context, session);
  armIkeLifetime(context, session);
  if (!isReauthentication) keepOneOfTwo(context, session);
  if (session.isClosing) closeFront(context, session);
}
