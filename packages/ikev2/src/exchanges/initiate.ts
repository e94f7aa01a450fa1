import type { ConnectionConfig } from '../config.ts';
import { endEap } from '../eap/eap-conversation.ts';
import {
  type EndpointContext,
  newIkeSpi,
  raise,
  releaseChildSpi,
} from '../endpoint/endpoint-context.ts';
import type { Command } from '../endpoint-io.ts';
import { ONE_OF_TWO } from '../errors/endings.ts';
import type { SessionFailure } from '../events.ts';
import { carriedOnBy } from '../loss/carried-on-by.ts';
import { endSession } from '../session/close-session.ts';
import { eraseIkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { openSession } from '../session/new-session.ts';
import { beginInit } from './ike-sa-init-initiator.ts';

/** Opens a session as initiator and starts its first exchange. */
export function initiate(
  context: EndpointContext,
  command: Extract<Command, { readonly kind: 'initiate' }>,
  connection: ConnectionConfig,
): void {
  const session = openSession(context, {
    id: command.sessionId,
    role: 'initiator',
    state: { kind: 'awaiting-restart' },
    localSpi: newIkeSpi(context),
    path: command.path,
    marker: command.marker,
    connection,
    childName: command.child,
    floatTo: command.floatTo,
    firstPacket: command.packet,
    wantedAddresses: command.virtualAddresses,
  });
  beginInit(context, session, connection);
}

/** Starts the first exchange anew after the peer did not answer, if the connection has tries left. Ends it when the peer has
 * opened the session meanwhile.
 * @returns false when it has none.
 */
export function restartInitiation(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): boolean {
  const { connection } = session;
  // A reauthentication has a pause of its own: the old IKE SA still stands.
  if (!connection || session.takesOver) return false;
  if (carriedOnBy(context, session)) {
    endSession(context, session, ONE_OF_TWO);
    return true;
  }
  if (connection.keyingTries !== 0 && session.attempts >= connection.keyingTries) return false;
  session.attempts += 1;
  beginAnew(context, session, connection, failure);
  return true;
}

/** Starts the first exchange anew: with another SPI and another nonce, from the first path. */
export function beginAnew(
  context: EndpointContext,
  session: IkeSession,
  connection: ConnectionConfig,
  failure: SessionFailure,
): void {
  const { state } = session;
  if (state.kind === 'awaiting-auth-response') releaseChildSpi(context, state.offer.childSpi);
  endEap(context, session);
  raise(context, {
    kind: 'session-retried',
    sessionId: session.id,
    attempt: session.attempts + session.signatureRefusals,
    failure,
  });
  context.sessionsBySpi.delete(session.localSpi);
  context.deadlines.clearSession(session.id);
  if (session.sa) eraseIkeSa(session.sa);
  session.sa = undefined;
  session.outstanding = undefined;
  session.path = session.firstPath;
  session.marker = session.firstMarker;
  session.localSpi = newIkeSpi(context);
  context.sessionsBySpi.set(session.localSpi, session);
  beginInit(context, session, connection);
}

/** The time has come to open a session anew, or the time of the peer to do so is over. */
export function restartSession(context: EndpointContext, session: IkeSession): void {
  if (session.state.kind !== 'awaiting-restart' || !session.connection) return;
  if (session.awaitsPeer) {
    endSession(context, session, session.awaitsPeer);
    return;
  }
  beginInit(context, session, session.connection);
}
