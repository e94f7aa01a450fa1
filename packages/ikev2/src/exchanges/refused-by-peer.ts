import { formatIdentityPattern } from '@ipsec-kit/auth';
import { NotifyType } from '@ipsec-kit/ikev2-codec';
import type { ConnectionConfig } from '../config.ts';
import { type EndpointContext, releaseChildSpi } from '../endpoint/endpoint-context.ts';
import { peerRejectedAuthentication } from '../errors/authentication-failures.ts';
import { otherNotify } from '../errors/failures.ts';
import type { SessionFailure } from '../events.ts';
import { endAfterAuthFailure } from '../procedures/request-end.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { AuthOffer } from '../session/session-state.ts';
import { beginAnew } from './initiate.ts';

/** Ways to sign that are tried after the first. */
const MAX_SIGNATURE_REFUSALS = 3;

/** The peer has refused us: for what we sign with, where there is another way to try; otherwise for good.
 * @see RFC 7427 §5 (a peer may not like an algorithm that it has announced the hash of)
 */
export function onRefusal(
  context: EndpointContext,
  session: IkeSession,
  connection: ConnectionConfig,
  offer: AuthOffer,
  notifyType: number,
): void {
  if (notifyType !== NotifyType.AUTHENTICATION_FAILED) {
    endSession(context, session, otherNotify(notifyType, 'IKE_AUTH'));
    return;
  }
  const failure = peerRejectedAuthentication(
    session.localIdentity,
    formatIdentityPattern(connection.remoteIdentity),
    connection.localAuthentication?.kind ?? 'psk',
  );
  const mayRetry = offer.hasMoreProofs && session.signatureRefusals < MAX_SIGNATURE_REFUSALS;
  if (!mayRetry || session.isClosing) {
    endSession(context, session, failure);
    return;
  }
  session.signatureRefusals += 1;
  beginAnew(context, session, connection, failure);
}

/** We refuse the peer: tells it, without the reason, and ends. @see RFC 7296 §2.21.2 */
export function failAuth(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): void {
  const { state } = session;
  switch (state.kind) {
    case 'awaiting-auth-response':
    case 'checking-peer-proof':
    case 'making-eap-response':
      releaseChildSpi(context, state.offer.childSpi);
      break;
    default:
  }
  endAfterAuthFailure(context, session, failure);
}
