import { type Payload, ProtocolId } from '@ipsec-kit/ikev2-codec';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { SessionFailure } from '../events.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { moveTo } from '../session/session-state.ts';
import type { Procedure } from './procedure.ts';

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

/** The request that ends the IKE SA is about to leave. */
export function beginEnding(session: IkeSession, failure: SessionFailure): void {
  const { kind } = session.state;
  if (kind === 'established') moveTo(session, kind, { kind: 'ending', failure });
  else if (kind === 'awaiting-auth-response') moveTo(session, kind, { kind: 'ending', failure });
  else if (kind === 'finding-peer-secret') moveTo(session, kind, { kind: 'ending', failure });
}

/** The peer has answered: the IKE SA is gone on both sides. */
export function onIkeDeleted(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): void {
  endSession(context, session, failure);
}
