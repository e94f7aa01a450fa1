import { addMs } from '@ipsec-kit/clock';
import { type Payload, ProtocolId } from '@ipsec-kit/ikev2-codec';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { CLOSED_BY_USER } from '../errors/endings.ts';
import type { SessionFailure } from '../events.ts';
import { endSession } from '../session/close-session.ts';
import { sayFarewell } from '../session/farewell.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { moveTo } from '../session/session-state.ts';
import type { Procedure } from './procedure.ts';

/** How long the end of an IKE SA that nobody asked for waits for the peer: for the answer to what is out, and to the DELETE. */
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

/** The request that ends the IKE SA is about to leave. Some peers forget the IKE SA without an answer. */
export function beginEnding(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): void {
  const { kind } = session.state;
  if (kind === 'established') moveTo(session, kind, { kind: 'ending', failure });
  else if (kind === 'awaiting-auth-response') moveTo(session, kind, { kind: 'ending', failure });
  else if (kind === 'making-eap-response') moveTo(session, kind, { kind: 'ending', failure });
  else if (kind === 'checking-peer-proof') moveTo(session, kind, { kind: 'ending', failure });
  limitEnd(context, session);
}

/** An end that nobody asked for is over after a while, whatever the request does that waits for its answer: no retransmission
 * outlives the SA that it serves.
 */
export function limitEnd(context: EndpointContext, session: IkeSession): void {
  // What a reauthentication has replaced is nobody's loss while it is deleted with patience.
  if (session.isClosing || session.takenOverBy) return;
  setTimer(context, session, 'give-up', addMs(context.now, FAILED_END_PATIENCE_MS), {
    label: 'end of a failed IKE SA',
  });
}

/** `giveUpAt` has come, or the patience for the end of an IKE SA that nobody asked for is over. */
export function onGiveUp(context: EndpointContext, session: IkeSession): void {
  const { state, queue } = session;
  const waiting = queue.find((procedure) => procedure.kind === 'delete-ike');
  sayFarewell(context, session);
  const failure = state.kind === 'ending' ? state.failure : waiting?.failure;
  endSession(context, session, failure ?? CLOSED_BY_USER);
}

/** The peer has answered: the IKE SA is gone on both sides. */
export function onIkeDeleted(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): void {
  endSession(context, session, failure);
}
