import { addMs } from '@ipsec-kit/clock';
import { closeProbe } from '../binding/binding-probe.ts';
import { activateChild } from '../child/activate-child.ts';
import { armChildLifetime } from '../child/arm-child-lifetime.ts';
import type { ChildSa } from '../child/child-sa.ts';
import { announceReplacement } from '../child/install-child.ts';
import { replacementElsewhere } from '../child/replacement-elsewhere.ts';
import { dropRetired, inheritRetired, retireChild } from '../child/retire-child.ts';
import { retryMoment } from '../collisions/retry-pause.ts';
import type { LossAction } from '../config.ts';
import { endEap } from '../eap/eap-conversation.ts';
import {
  type EndpointContext,
  raise,
  releaseChildSpi,
  setTimer,
} from '../endpoint/endpoint-context.ts';
import { CLOSED_BY_USER } from '../errors/endings.ts';
import type { SessionFailure } from '../events.ts';
import { dropAnswering, dropInitiation, dropPeerSeries } from '../exchanges/drop-exchanges.ts';
import { lossAction } from '../loss/loss-action.ts';
import { goneWith } from '../reauth/gone-with.ts';
import { passOnWishes } from '../reauth/left-behind.ts';
import { passOnName } from '../reauth/pass-on-name.ts';
import { dropIkeSa } from './drop-ike-sa.ts';
import { sayFarewell } from './farewell.ts';
import { eraseIkeSa } from './ike-sa.ts';
import type { IkeSession } from './ike-session.ts';
import { LINGER_MS, UNAUTHENTICATED_LINGER_MS } from './linger.ts';
import { isBehind, shownSession } from './shown-session.ts';

/** Ends a session: its children leave the packet path, its lease goes back, `session-closed` is the last event.
 * @param linger - keeps the IKE SA to answer retransmissions from the cache, and for nothing else.
 */
export function endSession(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
  linger = false,
): void {
  if (session.state.kind === 'closed' || session.state.kind === 'lingering') return;
  const action = lossAction(context, session, failure);
  const gone = goneWith(session, failure);
  passOnName(context, session, failure);
  for (const old of gone) {
    // Should the peer come back, it knows.
    sayFarewell(context, old);
    endSession(context, old, failure);
  }
  if (isBehind(session)) passOnWishes(session, failure, context.now);
  context.peerSessions.remove(session);
  dropUnfinishedChild(context, session);
  endEap(context, session);
  for (const child of [...session.children.values()]) {
    letGoOfChild(context, session, child, failure.sentence, action);
  }
  const front = shownSession(session);
  // What was replaced on an old IKE SA a moment ago receives on, though that ends.
  if (front !== session && front.state.kind === 'established') {
    inheritRetired(context, session, front);
  } else dropRetired(context, session);
  if (session.lease) context.outputs.push({ kind: 'release-lease', lease: session.lease });
  session.lease = undefined;
  // A peer that failed to authenticate keeps counting while its answer is kept: it must not cost more than a half-open one.
  if (!linger) releaseHalfOpen(context, session);
  session.queue.length = 0;
  session.postponed.length = 0;
  closeProbe(context, session);
  session.binding = undefined;
  session.running = undefined;
  const { rival } = session;
  if (rival?.kind === 'ike' && rival.sa) dropIkeSa(context, session, rival.sa);
  dropInitiation(context, session);
  dropAnswering(context, session);
  dropPeerSeries(context, session);
  session.requests.clear();
  context.deadlines.clearSession(session.id);
  raise(context, {
    kind: 'session-closed',
    sessionId: session.id,
    connection: session.connection?.name,
    // What a reauthentication was about to delete may be the last to go of a session that its user closes.
    failure: session.isClosing && failure.code === 'replaced' ? CLOSED_BY_USER : failure,
    ...(action === 'trap' ? { action } : {}),
  });
  if (isBehind(session)) context.endedBehind.push({ session, failure });
  if (linger && session.sa) {
    session.state = { kind: 'lingering' };
    const patienceMs = session.halfOpenFrom ? UNAUTHENTICATED_LINGER_MS : LINGER_MS;
    setTimer(context, session, 'linger', addMs(context.now, patienceMs), {
      toleranceMs: UNAUTHENTICATED_LINGER_MS,
      wake: 'process',
    });
    return;
  }
  forgetSession(context, session);
}

/** Removes every trace of a session that has ended. */
export function forgetSession(context: EndpointContext, session: IkeSession): void {
  session.state = { kind: 'closed' };
  releaseHalfOpen(context, session);
  context.deadlines.clearSession(session.id);
  context.sessions.delete(session.id);
  if (context.sessionsBySpi.get(session.localSpi) === session) {
    context.sessionsBySpi.delete(session.localSpi);
  }
  if (session.initHash) context.sessionsByInitHash.delete(session.initHash);
  for (const { sa } of session.replaced) dropIkeSa(context, session, sa);
  session.replaced.length = 0;
  if (session.sa) eraseIkeSa(session.sa);
  session.sa = undefined;
}

/** A Child SA of an IKE SA that ends. One that has moved to another IKE SA still receives for a while. */
function letGoOfChild(
  context: EndpointContext,
  session: IkeSession,
  child: ChildSa,
  reason: string,
  action: LossAction = 'none',
): void {
  const front = shownSession(session);
  const heirId = replacementElsewhere(session.children, child);
  // Where the session itself is gone, or only answers copies of its last request, nobody is left to remember it.
  const { kind } = front.state;
  const isOrphan = front === session || kind === 'closed' || kind === 'lingering';
  if (isOrphan || heirId === undefined) {
    // One that begins anew as a whole is told by `session-interrupted`.
    removeChild(context, session, child, reason, action === 'trap' ? action : 'none');
    return;
  }
  activateReplacement(context, heirId);
  retireChild(context, session, child, front);
}

/** What replaced a Child SA that goes is used from now on, unless one that replaced it in turn is used already. It may
 * itself belong to an IKE SA that is about to be deleted: several reauthentications can be under way at once.
 */
export function activateReplacement(context: EndpointContext, childId: number): void {
  const owner = context.sessionsByChild.get(childId);
  const first = owner?.children.get(childId);
  for (let later = first; later; ) {
    if (later.isActive) return;
    const nextId: number = later.replacedBy ?? 0;
    later = context.sessionsByChild.get(nextId)?.children.get(nextId);
  }
  if (owner && first) activateChild(context, owner, first);
}

/** Takes a Child SA out of the packet path and forgets it. */
export function removeChild(
  context: EndpointContext,
  session: IkeSession,
  child: ChildSa,
  reason: string,
  action: LossAction = child.endAction,
): void {
  session.children.delete(child.id);
  context.sessionsByChild.delete(child.id);
  context.inboundChildSpis.delete(child.inboundSpi);
  context.outputs.push({ kind: 'remove-child', childId: child.id });
  unlinkReplaced(context, session, child.id);
  if (!child.isAnnounced) return;
  if (session.state.kind === 'established') restBehind(context, session, child);
  raise(context, {
    kind: 'child-closed',
    sessionId: shownSession(session).id,
    childId: child.id,
    name: child.config.name,
    reason,
    ...(action === 'none' ? {} : { action }),
  });
}

/** What a Child SA that goes had replaced in a reauthentication only waits for the DELETE of its IKE SA: the peer may have forgotten it,
 * and nothing is sent on it any more.
 */
function restBehind(context: EndpointContext, session: IkeSession, { config }: ChildSa): void {
  for (let old = session.predecessor; old; old = old.predecessor) {
    for (const child of old.children.values()) {
      if (child.config.name === config.name) sendNoMore(context, child);
    }
  }
}

function sendNoMore(context: EndpointContext, child: ChildSa): void {
  if (!child.isActive) return;
  child.isActive = false;
  context.outputs.push({ kind: 'deactivate-child', childId: child.id });
}

/** What a Child SA that goes had replaced stands on its own again, and is replaced anew when it is by time. Where our DELETE for it is
 * out, the peer may have forgotten it, and the packet path must not go back to it.
 */
function unlinkReplaced(context: EndpointContext, session: IkeSession, childId: number): void {
  for (const old of session.children.values()) {
    if (old.replacedBy !== childId) continue;
    old.replacedBy = undefined;
    if (old.deleting !== undefined) sendNoMore(context, old);
    else if (old.config.rekeyMs) old.softAt = retryMoment(context, 1);
  }
  armChildLifetime(context, session);
}

/** The peer deletes a Child SA that we are deleting as well, and that another has replaced: nothing is sent on it any more, but it
 * receives until our own DELETE is answered. Whoever has no sign yet that we have the other sends on it until that comes.
 * @returns false when that is not so: it goes at once.
 * @see RFC 7296 §1.4.1 (the incoming SA is deleted while processing the response)
 */
export function closeOutbound(
  context: EndpointContext,
  session: IkeSession,
  child: ChildSa,
): boolean {
  const successor = successorOf(session, child);
  if (!successor || child.deleting === undefined) return false;
  moveTo(context, session, child, successor);
  sendNoMore(context, child);
  return true;
}

/** Takes a Child SA out of its session: one that another has replaced still receives for a while, others go at once. */
export function retireOrRemove(
  context: EndpointContext,
  session: IkeSession,
  child: ChildSa,
  reason: string,
  action?: LossAction,
): void {
  const successor = successorOf(session, child);
  if (successor) {
    moveTo(context, session, child, successor);
    retireChild(context, session, child);
  } else if (isBehind(session)) letGoOfChild(context, session, child, reason);
  else removeChild(context, session, child, reason, action);
}

function successorOf({ children }: IkeSession, { replacedBy }: ChildSa): ChildSa | undefined {
  return replacedBy === undefined ? undefined : children.get(replacedBy);
}

/** Whatever the reason of its end, what has replaced a Child SA is all there is from now on, to send on and for its user. The end of
 * one that was redundant says nothing about the other: the peer may still wait for our answer about that.
 */
function moveTo(
  context: EndpointContext,
  session: IkeSession,
  child: ChildSa,
  successor: ChildSa,
): void {
  if (!child.isRedundant) activateReplacement(context, successor.id);
  announceReplacement(context, session, child, successor, 'peer');
}

/** The session is authenticated, or has ended: it no longer counts as half-open. */
export function releaseHalfOpen(context: EndpointContext, session: IkeSession): void {
  if (session.halfOpenFrom) context.halfOpen.remove(session.halfOpenFrom);
  session.halfOpenFrom = undefined;
  context.deadlines.clear(session.id, 'half-open');
}

/** Frees what a state holds for a Child SA that never came to be. */
function dropUnfinishedChild(context: EndpointContext, session: IkeSession): void {
  const { state } = session;
  switch (state.kind) {
    case 'awaiting-auth-response':
    case 'checking-peer-proof':
    case 'making-eap-response':
      releaseChildSpi(context, state.offer.childSpi);
      return;
    case 'installing-first-child':
    case 'installing-response-child':
      context.inboundChildSpis.delete(state.child.inboundSpi);
      // The packet path may be about to take it: told in order, it removes it again. Its keys stay as they are, since
      // an SA must never run, even briefly, on keys that were overwritten.
      context.outputs.push({ kind: 'remove-child', childId: state.child.id });
      if (state.kind === 'installing-response-child') session.lease = state.lease;
      return;
    case 'awaiting-restart':
    case 'generating-key':
    case 'awaiting-init-response':
    case 'agreeing-key':
    case 'generating-additional-key':
    case 'awaiting-intermediate-response':
    case 'agreeing-additional-key':
    case 'making-own-proof':
    case 'generating-response-key':
    case 'agreeing-response-key':
    case 'awaiting-intermediate-request':
    case 'making-intermediate-response':
    case 'awaiting-auth-request':
    case 'checking-initiator-proof':
    case 'proving-before-eap':
    case 'making-eap-request':
    case 'awaiting-eap-response':
    case 'making-response-proof':
    case 'leasing-addresses':
    case 'established':
    case 'ending':
    case 'lingering':
    case 'closed':
      return;
    default:
      unreachable(state);
  }
}

function unreachable(state: never): never {
  throw new Error(`unhandled state ${JSON.stringify(state)}`);
}
