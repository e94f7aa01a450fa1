import { addMs } from '@ipsec-kit/clock';
import { pathsEqual } from '@ipsec-kit/ip';
import { type EndpointContext, newIkeSpi, raise, setTimer } from '../endpoint/endpoint-context.ts';
import { BREAK_BEFORE_MAKE, LIFETIME_OVER, REAUTH_NOT_OURS } from '../errors/endings.ts';
import { beginInit } from '../exchanges/ike-sa-init-initiator.ts';
import { verifiedPath } from '../mobike/verified-address.ts';
import { checkLiveness } from '../procedures/check-liveness.ts';
import { endWithDelete } from '../procedures/request-end.ts';
import { REPLACEMENT_GRACE_MS } from '../session/child-lifetime.ts';
import { spisOf } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { openSession } from '../session/new-session.ts';
import { isBehind } from '../session/shown-session.ts';
import { nextIdBehind } from './session-name.ts';
import { isKnownToPeer, mayBegin } from './turns.ts';

/** Proves anew who both sides are: opens a new IKE SA over the path of the old one, for the same child and the same virtual
 * addresses. Make-before-break goes on beside the old one; break-before-make deletes that first, and the session opens
 * anew when it is gone. Does nothing while one is under way.
 * @see RFC 7296 §2.8.3
 */
export function startReauthentication(context: EndpointContext, session: IkeSession): void {
  const { connection, state } = session;
  if (state.kind !== 'established' || session.isClosing || !connection) return;
  if (session.successor) {
    wantAnyway(session.successor);
    return;
  }
  if (session.role === 'responder' && session.lease) {
    // Only the side that is given an address can ask for it again.
    const failure = REAUTH_NOT_OURS;
    const about = { sessionId: session.id, spis: spisOf(session.sa) };
    raise(context, { kind: 'reauthentication-failed', ...about, failure, retryInMs: 0 });
    return;
  }
  context.deadlines.clear(session.id, 'reauth');
  if (!mayBegin(context, session)) {
    session.isReauthDue = true;
    context.waitingReauths.add(session);
    if (!isKnownToPeer(session)) checkLiveness(context, session, 'proof');
    return;
  }
  // Where the address has changed and the peer has no MOBIKE: the old path works still.
  const isMoving = session.mover !== undefined && !pathsEqual(session.mover.path, session.path);
  if (connection.makeBeforeBreak || isMoving) openSuccessor(context, session);
  else endWithDelete(context, session, BREAK_BEFORE_MAKE);
}

/** The IKE SA has lived for as long as it may without a reauthentication. Its end is prepared first: a session that we
 * opened is never given up without another on its way, and one that was begun at the same late wake is given its time.
 */
export function onReauthOver(context: EndpointContext, session: IkeSession): void {
  if (session.state.kind !== 'established' || isBehind(session)) return;
  if (session.successor) wantAnyway(session.successor);
  else if (session.role === 'initiator' && !session.isClosing) openSuccessor(context, session);
  // An attempt is a session in the making: until it stands, this is when it was begun.
  const begunAt = session.successor?.establishedAt;
  if (begunAt !== undefined && context.now < addMs(begunAt, REPLACEMENT_GRACE_MS)) {
    setTimer(context, session, 'reauth-over', addMs(begunAt, REPLACEMENT_GRACE_MS), {
      label: 'end of life of the IKE SA',
    });
    return;
  }
  endWithDelete(context, session, LIFETIME_OVER);
}

/** One that was begun because the peer was silent is what the session needs, whether the peer is heard or not. */
function wantAnyway(successor: IkeSession): void {
  successor.isSecondTry = false;
}

/** Begins to open an IKE SA that takes the place of that of a session when it stands. */
export function openSuccessor(
  context: EndpointContext,
  session: IkeSession,
): IkeSession | undefined {
  const { connection, virtualAddresses } = session;
  if (!connection) return undefined;
  const [first] = session.children.values();
  const successor = openSession(context, {
    id: nextIdBehind(context),
    role: 'initiator',
    state: { kind: 'awaiting-restart' },
    localSpi: newIkeSpi(context),
    // The path of now, with its NAT mapping: the peer listens for the first exchange on port 4500 as well. @see RFC 7296 §2.23
    path: verifiedPath(context, session, session.mover?.path ?? session.path),
    marker: session.marker,
    connection,
    childName: first?.config.name ?? session.childName,
    ...(virtualAddresses.length > 0 ? { wantedAddresses: virtualAddresses } : {}),
    takesOver: session,
  });
  session.successor = successor;
  beginInit(context, successor, connection);
  return successor;
}
