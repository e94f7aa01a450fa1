import { addMs } from '@ipsec-kit/clock';
import { type Payload, ProtocolId } from '@ipsec-kit/ikev2-codec';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { CLOSED_BY_USER } from '../errors/failures.ts';
import type { SessionFailure } from '../events.ts';
import { endSession } from '../session/close-session.ts';
import { sayFarewell } from '../session/farewell.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { moveTo } from '../session/session-state.ts';
import type { Procedure } from './procedure.ts';

/** How long the end of an IKE SA that failed waits for the peer's answer. */
const FAILED_END_PATIENCE_MS = 10_000;

/** DELETE of the IKE SA: protocol IKE, no SPI. @see RFC 7296 §3.11 */
export function deleteIkeRequest(): readonly Payload[] {
  return [{ type: 'D', protocol: ProtocolId.IKE, spis: [] }];
}

/** The notification of an authentication that failed. */
export function reportRequest(
  procedure: Extract<Procedure, { readonly kind: 'report-auth-failure' }>,
): readonly Payload[] {
  return [procedure.notify];
}

/** The request that ends the IKE SA is about to leave. An end that nobody asked for waits for its answer only so long:
 * some peers forget the IKE SA without one.
 */
export function beginEnding(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): void {
  const { kind } = session.state;
  if (kind === 'established') moveTo(session, kind, { kind: 'ending', failure });
  else if (kind === 'awaiting-auth-response') moveTo(session, kind, { kind: 'ending', failure });
  else if (kind === 'finding-peer-secret') moveTo(session, kind, { kind: 'ending', failure });
  // What a reauthentication has replaced is nobody's loss while it is deleted with patience.
  if (session.isClosing || session.takenOverBy) return;
  setTimer(context, session, 'give-up', addMs(context.now, FAILED_END_PATIENCE_MS), {
    label: 'end of a failed IKE SA',
  });
}

/** `giveUpAt` has come, or the patience for the end of a failed IKE SA is over. */
export function onGiveUp(context: EndpointContext, session: IkeSession): void {
  const { state } = session;
  sayFarewell(context, session);
  endSession(context, session, state.kind === 'ending' ? state.failure : CLOSED_BY_USER);
}

/** The peer has answered: the IKE SA is gone on both sides. */
export function onIkeDeleted(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): void {
  endSession(context, session, failure);
}
