import { addMs } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { REAUTHENTICATED } from '../errors/failures.ts';
import { endWithDelete } from '../procedures/request-end.ts';
import { enqueue } from '../procedures/run-procedures.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** How long the question whether the initiator has the new IKE SA may take before it is asked again. */
const PROOF_PATIENCE_MS = 10_000;

/** Deletes the IKE SA whose place this one has taken: all that it carried has moved. @see RFC 7296 §2.8.3 */
export function deletePredecessor(context: EndpointContext, session: IkeSession): void {
  const { predecessor } = session;
  if (predecessor) endWithDelete(context, predecessor, REAUTHENTICATED);
}

/** The initiator has not deleted the old IKE SA. It may not even have the new one, if it never got our response: so the old
 * one goes only once something has come under the new one.
 */
export function onHandOverTimer(context: EndpointContext, session: IkeSession): void {
  const { predecessor } = session;
  if (!predecessor || session.state.kind !== 'established') return;
  if (session.lastInboundAt > session.establishedAt) {
    deletePredecessor(context, session);
    return;
  }
  enqueue(context, session, { kind: 'liveness' });
  setTimer(context, session, 'hand-over', addMs(context.now, PROOF_PATIENCE_MS), {
    label: 'end of a replaced IKE SA',
  });
}
