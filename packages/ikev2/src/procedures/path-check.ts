import type { Payload } from '@ipsec-kit/ikev2-codec';
import { type Path, pathsEqual } from '@ipsec-kit/ip';
import { ReturnRoutabilityCheck } from '@ipsec-kit/mobike';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { pathNotProven } from '../errors/failures.ts';
import { sendOwed } from '../mobike/send-owed.ts';
import { mayBeAt } from '../mobike/unproven-path.ts';
import { notifiesOf } from '../payloads/find-payload.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { moveChildren, moveIke } from '../session/move-path.ts';
import type { Procedure } from './procedure.ts';

type PathCheck = Extract<Procedure, { readonly kind: 'path-check' }>;

/** The check of a path that the peer moved to. */
export function newPathCheck(context: EndpointContext, session: IkeSession): PathCheck {
  const check = new ReturnRoutabilityCheck(context.random);
  return { kind: 'path-check', path: session.path, check };
}

/** Puts first into the queue that the peer is asked whether it is where the session goes now; whoever calls this runs it. */
export function askWhetherThere(context: EndpointContext, session: IkeSession): void {
  const { queue, state } = session;
  if (state.kind !== 'established') return;
  if (queue.some(({ kind }) => kind === 'path-check')) return;
  queue.unshift(newPathCheck(context, session));
}

/** An INFORMATIONAL request with COOKIE2, empty to a peer without MOBIKE; `undefined` when the peer has moved on meanwhile. @see RFC 4555 §3.7 */
export function pathCheckRequest(
  session: IkeSession,
  { path, check }: PathCheck,
): readonly Payload[] | undefined {
  if (!pathsEqual(path, session.path)) return undefined;
  check.onSent(path.remote);
  return session.addressUpdates ? [check.notify] : [];
}

/** The Child SAs follow once the peer has shown that it receives at its new address. An answer to a check that went elsewhere, too,
 * shows only that it is somewhere: it is asked where the answer came from.
 * @see RFC 4555 §3.5, §3.7
 */
export function onPathAnswered(
  context: EndpointContext,
  session: IkeSession,
  procedure: PathCheck,
  payloads: readonly Payload[],
  over: Path,
): void {
  if (!pathsEqual(procedure.path, session.path)) procedure.check.onSent(session.path.remote);
  // A peer without MOBIKE echoes no COOKIE2: that it answers what went there alone is all that it can show.
  const echo = session.addressUpdates ? notifiesOf(payloads) : [procedure.check.notify];
  const verdict = procedure.check.onResponse(echo);
  switch (verdict.kind) {
    case 'verified':
      // Meanwhile the session may have gone on to another address of ours: the peer was shown to be where it goes all the same.
      session.provenPath = session.path;
      session.followedTo = undefined;
      session.heardAt = [];
      session.mover?.onMoved(session.path);
      moveChildren(context, session, session.path);
      sendOwed(context, session);
      return;
    case 'ambiguous': {
      // What it was asked about where it was before says nothing about where it says that it is now.
      const isAboutNow = pathsEqual(procedure.path, session.path);
      if (isAboutNow && mayBeAt(session, over)) moveIke(context, session, over, session.marker);
      session.queue.unshift(newPathCheck(context, session));
      return;
    }
    case 'failed':
      // RFC 4555 §3.7: if the values do not match, the IKE SA MUST be closed.
      endSession(context, session, pathNotProven(procedure.path));
      return;
    default:
      unreachable(verdict);
  }
}

function unreachable(verdict: never): never {
  throw new Error(`unhandled verdict ${JSON.stringify(verdict)}`);
}
