import { probeRound } from '@ipsec-kit/mobike';
import type { OutstandingRequest } from '@ipsec-kit/retransmit';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { peerDead } from '../errors/failures.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { hurryMs, isAboutPath, isSilent } from './hurry.ts';
import { tellMover } from './perform-moves.ts';
import { performResponderMoves } from './responder-moves.ts';
import { isMoving, PACE_MS, sendOutstandingOver } from './send-outstanding.ts';
import { isProven, whereItMayBe } from './unproven-path.ts';

/** Transmissions over the path in use before others are tried. */
const QUIET_TRANSMISSIONS = 2;

/** What is done about a request without an answer: what its policy says, or another path was tried, or its time is over. */
export type PathTest = 'by-policy' | 'tried' | 'over';

/** An outstanding request has no answer yet. Where there is another path to try it is itself the test of the paths, since a window
 * of 1 lets no other request out.
 * @see RFC 4555 §3.10, §3.11, RFC 4621 §6.2
 */
export function testPaths(
  context: EndpointContext,
  session: IkeSession,
  request: OutstandingRequest,
): PathTest {
  const { state, mover, role } = session;
  if (state.kind !== 'established' && state.kind !== 'ending') {
    return request.isPaced && context.now >= request.overAt ? 'over' : 'by-policy';
  }
  if (role === 'responder' || session.followedTo) {
    return testAsResponder(context, session, request) ? 'tried' : 'by-policy';
  }
  if (!mover || (!request.isPaced && mover.testable.length < 2)) return 'by-policy';
  if (context.now >= request.overAt && !isMoving(session, request)) return 'over';
  const quiet = isSilent(session) ? 1 : QUIET_TRANSMISSIONS;
  if (request.transmissions <= quiet) {
    const waitMs = isAboutPath(session) ? hurryMs(session) : PACE_MS;
    sendOutstandingOver(context, session, [session.path], waitMs);
  } else {
    tellMover(context, session, { kind: 'no-answer' });
  }
  return 'tried';
}

/** A responder moves and is not heard (yet), or its peer has moved to where it may not be. It goes on for minutes, since to find
 * another path is for the initiator.
 * @see RFC 4555 §3.6, §3.11
 */
function testAsResponder(
  context: EndpointContext,
  session: IkeSession,
  request: OutstandingRequest,
): boolean {
  const { path, running } = session;
  const isMoving =
    running?.procedure.kind === 'announce-addresses' && running.procedure.paths !== undefined;
  if (!isMoving && isProven(session) && !request.isPaced) return false;
  const round = probeRound(request.transmissions - 1, [path]);
  if (!round) {
    endSession(context, session, peerDead(path, request.name, request.transmissions));
    return true;
  }
  const { waitMs } = round;
  const outputs = isMoving ? performResponderMoves(context, session, { kind: 'no-answer' }) : [];
  if (outputs.some(({ kind }) => kind === 'transmit')) {
    session.requests.pace(request.messageId, context.now, waitMs);
    return true;
  }
  const paths = isProven(session) ? [path] : whereItMayBe(session);
  sendOutstandingOver(context, session, paths, waitMs);
  return true;
}
