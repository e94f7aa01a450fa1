import { addMs } from '@ipsec-kit/clock';
import { closeProbe } from '../binding/binding-probe.ts';
import { dropRetired, inheritRetired } from '../child/retire-child.ts';
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
import { letGoOfChild } from './let-go-of-child.ts';
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
