import { type Path, pathsEqual } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { newPathCheck } from '../procedures/path-check.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { moveChildren } from '../session/move-path.ts';
import { tellMover } from './perform-moves.ts';
import { performResponderMoves } from './responder-moves.ts';
import { resendOutstanding } from './send-outstanding.ts';

/** The peer has told of its addresses: the initiator goes on at another when the one in use is not among them. @see RFC 4555 §3.6 */
export function onPeerAddresses(context: EndpointContext, session: IkeSession): void {
  const addresses = session.addressUpdates?.peerAddresses.addresses ?? [];
  tellMover(context, session, { kind: 'peer-addresses', addresses });
}

/** The initiator has moved the IKE SA. Its Child SAs follow when it has shown that it really is there, or at once where policy
 * trusts it, or where it was shown to be there before.
 * @see RFC 4555 §3.5, §3.7
 */
export function onPeerMoved(
  context: EndpointContext,
  session: IkeSession,
  path: Path,
  from: Path,
): void {
  const { queue, running, provenPath, connection } = session;
  session.heardAt = [];
  session.unprovenTransmissions = 0;
  performResponderMoves(context, session, { kind: 'updated', path });
  for (let at = queue.length - 1; at >= 0; at -= 1) {
    if (queue[at]?.kind === 'path-check') queue.splice(at, 1);
  }
  const isBeingAsked = running?.procedure.kind === 'path-check';
  // RFC 4555 §3.5: to the new addresses; what is asked about them waits for its answer. A peer that tells again from where it was may have
  // been away when it was asked.
  if (!pathsEqual(path, from) || isBeingAsked) resendOutstanding(context, session);
  const isKnown = provenPath !== undefined && pathsEqual(provenPath, path) && !isBeingAsked;
  if (isKnown || connection?.peerPathCheck === false) {
    session.provenPath = path;
    moveChildren(context, session, path);
  } else if (!isBeingAsked) {
    queue.unshift(newPathCheck(context, session));
  }
}
