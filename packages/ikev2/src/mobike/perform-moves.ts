import type { Timeless } from '@ipsec-kit/clock';
import type { PathMoverInput, PathMoverOutput } from '@ipsec-kit/mobike';
import { ReturnRoutabilityCheck } from '@ipsec-kit/mobike';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { pathNotProven, peerDead } from '../errors/failures.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { leadChildren, moveChildren, moveIke } from '../session/move-path.ts';
import { announceAddresses } from './announce.ts';
import { losePath, regainPath } from './lost-path.ts';
import { moveBehind } from './move-behind.ts';
import { reachableAddresses } from './own-addresses.ts';
import { reEstablish } from './re-establish.ts';
import { resendOutstanding, sendOutstandingOver } from './send-outstanding.ts';
import { armStandby } from './standby.ts';

/** A fact for the mover, without its time. */
export type MoverFact = Timeless<PathMoverInput>;

/** Tells the mover of a session a fact, and performs what it decides, in order. Requests are put into the queue, first; whoever
 * calls this runs the queue afterwards.
 * @returns what it decided.
 */
export function tellMover(
  context: EndpointContext,
  session: IkeSession,
  fact: MoverFact,
): readonly PathMoverOutput[] {
  const { mover } = session;
  if (!mover) return [];
  const outputs = mover.handle({ ...fact, now: context.now });
  for (const output of outputs) perform(context, session, output);
  if (session.state.kind === 'established' && session.addressUpdates) {
    armMover(context, session);
    armStandby(context, session);
  }
  return outputs;
}

function armMover(context: EndpointContext, session: IkeSession): void {
  const next = session.mover?.nextDeadline();
  if (!next) {
    context.deadlines.clear(session.id, 'address-update');
    return;
  }
  const { at, name, toleranceMs, wake } = next;
  setTimer(context, session, 'address-update', at, { label: name, toleranceMs, wake });
}

function perform(context: EndpointContext, session: IkeSession, output: PathMoverOutput): void {
  // What came before may have ended it.
  if (session.state.kind !== 'established' && session.state.kind !== 'ending') return;
  switch (output.kind) {
    case 'no-path':
      losePath(context, session);
      return;
    case 'move-ike':
      regainPath(context, session);
      session.movedAt = context.now;
      moveIke(context, session, output.path, session.marker);
      moveBehind(context, session);
      resendOutstanding(context, session);
      return;
    case 'move-children':
      moveChildren(context, session, output.path);
      return;
    case 'lead-children':
      leadChildren(context, session, output.path);
      return;
    case 'send-update':
      if (regainPath(context, session)) {
        moveBehind(context, session);
        resendOutstanding(context, session);
      }
      queueUpdate(context, session, output);
      return;
    case 'announce':
      announceAddresses(session, output.additional);
      return;
    case 'transmit':
      sendOutstandingOver(context, session, output.paths, output.waitMs);
      return;
    case 're-establish':
      regainPath(context, session);
      reEstablish(context, session, output.path, output.oldPathWorks);
      return;
    case 'close':
      close(context, session, output.code);
      return;
    default:
      unreachable(output);
  }
}

/** The newest update takes the place of one that waits; one that is out ends by itself, and its answer counts for nothing.
 * @see RFC 4555 §3.5
 */
function queueUpdate(
  context: EndpointContext,
  session: IkeSession,
  { updateId, path, additional }: Extract<PathMoverOutput, { readonly kind: 'send-update' }>,
): void {
  if (session.state.kind !== 'established') return;
  const { queue } = session;
  for (let at = queue.length - 1; at >= 0; at -= 1) {
    if (queue[at]?.kind === 'update-addresses') queue.splice(at, 1);
  }
  const procedure = {
    kind: 'update-addresses',
    updateId,
    path,
    reason: 'moved',
    check: new ReturnRoutabilityCheck(context.random),
    ...(additional ? { additional: reachableAddresses(session, additional) } : {}),
  } as const;
  queue.unshift(procedure);
}

function close(
  context: EndpointContext,
  session: IkeSession,
  code: 'path-not-proven' | 'peer-unreachable',
): void {
  const { path, requests } = session;
  if (code === 'path-not-proven') {
    endSession(context, session, pathNotProven(path));
    return;
  }
  const [request] = requests.outstanding;
  const { name = 'INFORMATIONAL', transmissions = 0 } = request ?? {};
  endSession(context, session, peerDead(path, name, transmissions));
}

function unreachable(output: never): never {
  throw new Error(`unhandled output ${JSON.stringify(output)}`);
}
