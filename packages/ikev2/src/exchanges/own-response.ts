import type { Payload } from '@ipsec-kit/ikev2-codec';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { findErrorNotify } from '../payloads/find-payload.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { onChildError, onChildResponse } from './create-child-initiator.ts';
import type { Initiation, InitiationOf } from './create-child-state.ts';
import { eraseSeries } from './drop-exchanges.ts';
import { onFollowUpResponse } from './follow-up-initiator.ts';
import { onIkeError, onIkeRekeyResponse } from './rekey-ike-initiator.ts';

/** The response to our CREATE_CHILD_SA request. When the peer has asked for the same before it came, and our answer to that is
 * still being made, it waits for that answer: a request that met our rekey is answered as usual, since whoever has
 * noticed the collision goes by the nonces, and not by a TEMPORARY_FAILURE.
 * @see RFC 7296 §2.25.1, §2.25.2
 */
export function onOwnResponse(
  context: EndpointContext,
  session: IkeSession,
  payloads: readonly Payload[],
): void {
  const { initiation } = session;
  if (initiation?.kind === 'awaiting-child-response') {
    if (isAnsweringTheSame(session, initiation))
      session.initiation = { ...initiation, held: payloads };
    else onChildResponse(context, session, initiation, payloads);
  } else if (initiation?.kind === 'awaiting-ike-response') {
    if (isAnsweringTheSame(session, initiation))
      session.initiation = { ...initiation, held: payloads };
    else onIkeRekeyResponse(context, session, initiation, payloads);
  } else if (initiation?.kind === 'awaiting-follow-up-response') {
    onSeriesResponse(context, session, initiation, payloads);
  }
}

/** The response to an exchange that follows; an error ends the whole series. @see RFC 9370 §2.2.4 */
function onSeriesResponse(
  context: EndpointContext,
  session: IkeSession,
  initiation: InitiationOf<'awaiting-follow-up-response'>,
  payloads: readonly Payload[],
): void {
  const { accepted } = initiation.series;
  const error = findErrorNotify(payloads);
  if (!error) {
    onFollowUpResponse(context, session, initiation, payloads);
    return;
  }
  eraseSeries(initiation);
  if (accepted.kind === 'child') onChildError(context, session, accepted.attempt, error);
  else onIkeError(context, session, accepted.attempt, error);
}

/** Our answer has left: goes on with the response that waited for it. */
export function releaseOwnResponse(context: EndpointContext, session: IkeSession): void {
  const { initiation, answering } = session;
  const held = initiation && 'held' in initiation ? initiation.held : undefined;
  if (held && !answering) onOwnResponse(context, session, held);
}

function isAnsweringTheSame({ answering }: IkeSession, { attempt }: Initiation): boolean {
  if (!answering) return false;
  const { reply } = answering;
  if ('inboundSpi' in attempt) {
    return 'rekeys' in reply && reply.rekeys !== undefined && reply.rekeys === attempt.rekeys;
  }
  return 'initiatorSpi' in reply;
}
