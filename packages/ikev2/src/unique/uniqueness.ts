import { addMs, msBetween } from '@ipsec-kit/clock';
import { compareNonces } from '../collisions/lowest-nonce.ts';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { ONE_OF_TWO, REPLACED_BY_NEWER, REPLACED_BY_PEER } from '../errors/endings.ts';
import { refuseAuth } from '../exchanges/refuse-auth.ts';
import { checkLiveness } from '../procedures/check-liveness.ts';
import { endWithDelete } from '../procedures/request-end.ts';
import { endSession } from '../session/close-session.ts';
import { sayFarewell } from '../session/farewell.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';
import { isTogether } from './at-once.ts';

/** How long the side that did not open the redundant one waits for its DELETE, and either side for a sign of life of the other. */
const DUPLICATE_PATIENCE_MS = 30_000;
/** How soon it is looked whether the other one has answered. */
const PROOF_PATIENCE_MS = 3_000;

/** Judges a peer that has just authenticated to us and may have other sessions with the same identities: by its INITIAL_CONTACT,
 * and by the policy of the connection. From then on it is one of them, though it does not stand yet: two that come at once are
 * judged one after the other. A reauthentication is no other session, and neither are the two that both sides open
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
  const others = context.peerSessions
    .others(session)
    .filter((other) => isAnother(context, session, other, isInitialContact));
  if (policy === 'never') {
    context.peerSessions.add(session);
    return true;
  }
  for (const other of others) {
    // They are gone on the peer's side, so no DELETE is sent for them.
    if (isInitialContact) endSession(context, other, REPLACED_BY_PEER);
  }
  const left = others.filter((other) => isStanding(other) || isComing(other));
  if (policy === 'keep' && left.length > 0) return false;
  context.peerSessions.add(session);
  if (policy === 'replace') for (const other of left) giveWay(context, other);
  return true;
}

/** Whether the two are different sessions, which the policy is about. */
function isAnother(
  context: EndpointContext,
  session: IkeSession,
  other: IkeSession,
  isInitialContact: boolean,
): boolean {
  const { takesOver } = session;
  if (takesOver && (other === takesOver || other.takesOver === takesOver)) return false;
  if (!isTogether(context, session, other)) return true;
  // Where ours stood before the peer began, the peer had answered it by the time that it wrote this: it has forgotten it.
  return isInitialContact && isStanding(other) && other.establishedAt < session.begunAt;
}

/** Ends an older session for a newer one: with DELETE where it stands, with a refusal where it is not answered yet. */
function giveWay(context: EndpointContext, other: IkeSession): void {
  if (other.sa && isComing(other)) {
    refuseAuth(context, other, other.sa, { code: 'authentication-failed' }, REPLACED_BY_NEWER);
  } else endWithDelete(context, other, REPLACED_BY_NEWER);
}

/** Both sides may open a session at once, and get two. Both see the same four nonces: the IKE SA with the lowest is redundant,
 * and who opened it deletes it; the other side does so when no DELETE comes. Where nothing has come over the other one since
 * this one was begun, the peer may have forgotten it: it is asked first.
 * @see RFC 7296 §2.8.1 (the rule for Child SAs that are made twice)
 */
export function keepOneOfTwo(context: EndpointContext, session: IkeSession): void {
  if ((session.connection?.unique ?? 'no') === 'never') return;
  for (const other of context.peerSessions.others(session)) {
    if (!isStanding(other) || !isTogether(context, session, other)) continue;
    const isSession = compareNonces(session.lowestNonce, other.lowestNonce) < 0;
    const [redundant, kept] = isSession ? [session, other] : [other, session];
    if (redundant.role === 'initiator' && isHeardSince(kept, redundant)) {
      endWithDelete(context, redundant, ONE_OF_TWO);
      continue;
    }
    if (redundant.role === 'initiator') checkLiveness(context, kept, 'proof');
    awaitEnd(context, redundant);
  }
}

function awaitEnd(
  context: EndpointContext,
  redundant: IkeSession,
  patienceMs: number = DUPLICATE_PATIENCE_MS,
): void {
  setTimer(context, redundant, 'duplicate', addMs(context.now, patienceMs), {
    label: 'end of a redundant IKE SA',
    toleranceMs: patienceMs / 10,
  });
}

/** The redundant one is still there: its peer has not deleted it, or the other one is not known to live. */
export function onDuplicateTimer(context: EndpointContext, session: IkeSession): void {
  if (!isStanding(session)) return;
  // Or the peer has deleted the other one: then this one is all there is.
  const others = context.peerSessions.others(session).filter(isStanding);
  if (others.length === 0) return;
  if (others.some((other) => isHeardSince(other, session))) {
    endWithDelete(context, session, ONE_OF_TWO);
    return;
  }
  for (const other of others) askOrForget(context, other);
  awaitEnd(context, session, PROOF_PATIENCE_MS);
}

/** A peer that stays silent on the one and lives on the other has forgotten the first. */
function askOrForget(context: EndpointContext, other: IkeSession): void {
  const [request] = other.requests.outstanding;
  if (request && msBetween(request.firstSentAt, context.now) >= DUPLICATE_PATIENCE_MS) {
    sayFarewell(context, other);
    endSession(context, other, ONE_OF_TWO);
  } else checkLiveness(context, other, 'proof');
}

/** Whether anything authentic has come over one since the other was begun. */
function isHeardSince(one: IkeSession, other: IkeSession): boolean {
  return one.lastInboundAt >= other.begunAt;
}

function isStanding(other: IkeSession): boolean {
  return other.state.kind === 'established' && !isBehind(other) && !other.isClosing;
}

/** Admitted, and not answered yet: its addresses or its Child SA are being made. */
function isComing({ state, role, isClosing }: IkeSession): boolean {
  const { kind } = state;
  if (role !== 'responder' || isClosing) return false;
  return kind === 'leasing-addresses' || kind === 'installing-response-child';
}
