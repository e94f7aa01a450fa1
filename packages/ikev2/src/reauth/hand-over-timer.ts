import { addMs, type Instant } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { checkLiveness } from '../procedures/check-liveness.ts';
import { deletePredecessor } from '../procedures/run-procedures.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { moveOff } from './move-off.ts';
import { separate } from './separate.ts';
import { SETTLE_MS } from './settle-time.ts';
import { HAND_OVER_PATIENCE_MS, leavesOrphan } from './take-over.ts';

/** How long the question whether the initiator has the new IKE SA may take before it is asked again. */
const PROOF_PATIENCE_MS = 10_000;
/** The same about one that nobody else will delete, and that others may wait for. */
const ORPHAN_PROOF_PATIENCE_MS = 1_000;
/** How long it may take until the initiator of a reauthentication has moved its Child SAs and deletes the old IKE SA, even when each
 * of its requests is answered at the last try: after that it is taken for one of two sessions, if the peer has both.
 */
export const SEPARATION_PATIENCE_MS: number = 600_000;

/** The initiator deletes the old IKE SA once what it sent on its Child SAs has arrived. As responder: the initiator has not deleted
 * the old IKE SA. It may not even have the new one, if it never got our response: so the old one goes only once something has come under the new one. Where a peer may have several sessions and the two share no
 * address, it was no reauthentication, and both stay.
 */
export function onHandOverTimer(context: EndpointContext, session: IkeSession): void {
  const { predecessor, connection } = session;
  if (predecessor?.state.kind !== 'established' || session.state.kind !== 'established') return;
  if (session.role === 'initiator') {
    deletePredecessor(context, session);
    return;
  }
  if (session.lastInboundAt > session.establishedAt) {
    const movesUntil = addMs(session.establishedAt, HAND_OVER_PATIENCE_MS);
    if (context.now < movesUntil && !hasMoved(predecessor)) {
      armAgain(context, session, ORPHAN_PROOF_PATIENCE_MS);
      return;
    }
    const unique = connection?.unique ?? 'no';
    const isOpen = unique === 'no' || unique === 'never';
    const isOrphan = leavesOrphan(session) && hasMoved(predecessor);
    const maySeveral = isOpen && !predecessor.lease && !isOrphan;
    const separatesAt = addMs(session.establishedAt, SEPARATION_PATIENCE_MS);
    if (!maySeveral) {
      if (moveOff(context, predecessor)) armAgain(context, session, SETTLE_MS);
      else deletePredecessor(context, session);
    } else if (context.now >= separatesAt) {
      separateOrAsk(context, session, predecessor, separatesAt);
    } else {
      setTimer(context, session, 'hand-over', separatesAt, {
        label: 'end of a replaced IKE SA',
        toleranceMs: HAND_OVER_PATIENCE_MS,
      });
    }
    return;
  }
  checkLiveness(context, session, 'proof');
  armAgain(context, session, leavesOrphan(session) ? ORPHAN_PROOF_PATIENCE_MS : PROOF_PATIENCE_MS);
}

/** Takes the two for two sessions once both are shown to live. The peer may have given up either meanwhile, as when we slept: one
 * that does not answer ends by that.
 */
function separateOrAsk(
  context: EndpointContext,
  session: IkeSession,
  predecessor: IkeSession,
  since: Instant,
): void {
  const silent = [session, predecessor].filter(({ lastInboundAt }) => lastInboundAt < since);
  for (const one of silent) checkLiveness(context, one, 'proof');
  if (silent.length > 0) armAgain(context, session, PROOF_PATIENCE_MS);
  else separate(context, session, predecessor);
}

/** Whether all that an IKE SA carried has been replaced, so that nobody may be about to move it. */
function hasMoved({ children }: IkeSession): boolean {
  return [...children.values()].every(({ replacedBy }) => replacedBy !== undefined);
}

function armAgain(context: EndpointContext, session: IkeSession, patienceMs: number): void {
  setTimer(context, session, 'hand-over', addMs(context.now, patienceMs), {
    label: 'end of a replaced IKE SA',
  });
}
