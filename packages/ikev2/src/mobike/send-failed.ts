import { type Path, pathsEqual } from '@ipsec-kit/ip';
import type { PathMover } from '@ipsec-kit/mobike';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { checkLiveness } from '../procedures/check-liveness.ts';
import { runNext } from '../procedures/run-procedures.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { tellMover } from './perform-moves.ts';

/** The host cannot send over a path: what is out there goes on over the next pair of addresses at once. Where nothing is out the peer is
 * asked, so that there is. A path that is known to be such for less than five seconds causes nothing.
 * @see RFC 4555 §3.5, §3.10
 */
export function onSendFailed(context: EndpointContext, path: Path): void {
  if (!context.sendFailures.take(context.now)) return;
  for (const session of [...context.sessions.values()]) {
    const mover = moverOf(session);
    if (!mover?.isSendable(context.now, path) || !isTried(session, mover, path)) continue;
    if (pathsEqual(path, session.path) && hasOther(context, mover, path)) {
      checkLiveness(context, session, 'connectivity');
    }
    tellMover(context, session, { kind: 'unsendable', path });
    runNext(context, session);
  }
}

/** What chooses the path of a session that stands and sends, to a peer that can be told of another one. */
function moverOf(session: IkeSession): PathMover | undefined {
  const { mover, addressUpdates, state, parked, delegated } = session;
  const isSending = state.kind === 'established' && !parked && !delegated;
  return isSending && addressUpdates ? mover : undefined;
}

function isTried(session: IkeSession, mover: PathMover, path: Path): boolean {
  return pathsEqual(path, session.path) || mover.testable.some((known) => pathsEqual(known, path));
}

function hasOther({ now }: EndpointContext, mover: PathMover, path: Path): boolean {
  return mover.testable.some((other) => !pathsEqual(other, path) && mover.isSendable(now, other));
}
