import { addMs } from '@ipsec-kit/clock';
import { compareNonces } from '../collisions/lowest-nonce.ts';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { ONE_OF_TWO, REPLACED_BY_NEWER, REPLACED_BY_PEER } from '../errors/failures.ts';
import { endWithDelete } from '../procedures/request-end.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';
import { isTogether } from './at-once.ts';

/** How long the side that did not open the redundant one waits for its DELETE. */
const DUPLICATE_PATIENCE_MS = 30_000;

/** Judges a peer that has just authenticated to us and may have other sessions with the same identities: by its INITIAL_CONTACT,
 * and by the policy of the connection. A reauthentication is no other session, and neither are the two that both sides open
 * at once: {@link keepOneOfTwo} decides between those.
 * @returns false when the new one is refused, by `keep`.
 * @see RFC 7296 §2.4 (INITIAL_CONTACT)
 */
export function admitPeer(
  context: EndpointContext,
  session: IkeSession,
  isInitialContact: boolean,
): boolean {
  const policy = session.connection?.unique ?? 'no';
  if (policy === 'never') return true;
  const others = context.peerSessions
    .others(session)
    .filter((other) => other !== session.takesOver && !isTogether(context, session, other));
  for (const other of others) {
    // They are gone on the peer's side, so no DELETE is sent for them.
    if (isInitialContact) endSession(context, other, REPLACED_BY_PEER);
  }
  const standing = others.filter(isStanding);
  if (standing.length === 0 || policy === 'no') return true;
  if (policy === 'keep') return false;
  for (const other of standing) endWithDelete(context, other, REPLACED_BY_NEWER);
  return true;
}

/** Both sides may open a session at once, and get two. Both see the same four nonces: the IKE SA with the lowest is redundant,
 * and who opened it deletes it; the other side does so when no DELETE comes.
 * @see RFC 7296 §2.8.1 (the rule for Child SAs that are made twice)
 */
export function keepOneOfTwo(context: EndpointContext, session: IkeSession): void {
  if ((session.connection?.unique ?? 'no') === 'never') return;
  for (const other of context.peerSessions.others(session)) {
    if (!isStanding(other) || !isTogether(context, session, other)) continue;
    const redundant = compareNonces(session.lowestNonce, other.lowestNonce) < 0 ? session : other;
    if (redundant.role === 'initiator') {
      endWithDelete(context, redundant, ONE_OF_TWO);
    } else {
      setTimer(context, redundant, 'duplicate', addMs(context.now, DUPLICATE_PATIENCE_MS), {
        label: 'end of a redundant IKE SA',
        toleranceMs: DUPLICATE_PATIENCE_MS / 10,
      });
    }
  }
}

/** The peer has not deleted the IKE SA that it opened once too often. */
export function onDuplicateTimer(context: EndpointContext, session: IkeSession): void {
  // Or it has deleted the other one: then this one is all there is.
  if (!context.peerSessions.others(session).some(isStanding)) return;
  endWithDelete(context, session, ONE_OF_TWO);
}

function isStanding(other: IkeSession): boolean {
  return other.state.kind === 'established' && !isBehind(other) && !other.isClosing;
}
