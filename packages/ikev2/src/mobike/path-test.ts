import { type Path, pathsEqual } from '@ipsec-kit/ip';
import { probeRound } from '@ipsec-kit/mobike';
import type { OutstandingRequest } from '@ipsec-kit/retransmit';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { peerDead } from '../errors/failures.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { tellMover } from './perform-moves.ts';
import { performResponderMoves } from './responder-moves.ts';
import { PACE_MS, resend, sendOutstandingOver } from './send-outstanding.ts';

/** Transmissions over the path in use before others are tried. */
const QUIET_TRANSMISSIONS = 2;
/** Transmissions to an address that a peer says it has moved to, before only what was proven is tried: a forged address is not
 * written to for ever. @see RFC 4555 §5.3
 */
const UNPROVEN_TRANSMISSIONS = 3;

/** An outstanding request has no answer yet. Where there is another path to try it is itself the test of the paths, since a window
 * of 1 lets no other request out.
 * @returns false when the policy of retransmission goes on as usual.
 * @see RFC 4555 §3.10, §3.11, RFC 4621 §6.2
 */
export function testPaths(
  context: EndpointContext,
  session: IkeSession,
  request: OutstandingRequest,
): boolean {
  const { state, mover, running } = session;
  if (state.kind !== 'established' && state.kind !== 'ending') return false;
  if (running?.procedure.kind === 'announce-addresses' && running.procedure.paths) {
    retryAtNewAddress(context, session, request, running.procedure.paths);
    return true;
  }
  if (session.role === 'responder') return testUnproven(context, session, request);
  if (!mover || (!request.isPaced && mover.candidates.length < 2)) return false;
  if (request.transmissions <= QUIET_TRANSMISSIONS) {
    sendOutstandingOver(context, session, [session.path], PACE_MS);
  } else {
    tellMover(context, session, { kind: 'no-answer' });
  }
  return true;
}

/** A responder that moves is not heard there (yet). */
function retryAtNewAddress(
  context: EndpointContext,
  session: IkeSession,
  request: OutstandingRequest,
  paths: readonly Path[],
): void {
  const round = probeRound(request.transmissions - 1, paths);
  if (!round) {
    endSession(context, session, peerDead(session.path, request.name, request.transmissions));
    return;
  }
  session.requests.pace(request.messageId, context.now, round.waitMs);
  performResponderMoves(context, session, { kind: 'no-answer' });
}

/** A peer has moved to where it may not be: its packet may have been copied and sent from there by somebody else. */
function testUnproven(
  context: EndpointContext,
  session: IkeSession,
  request: OutstandingRequest,
): boolean {
  const { path, provenPath } = session;
  if (!provenPath || pathsEqual(path, provenPath)) return false;
  if (request.transmissions <= UNPROVEN_TRANSMISSIONS) resend(context, session, request, path);
  resend(context, session, request, provenPath);
  return true;
}
