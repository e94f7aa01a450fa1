import { onBindingTimer } from '../binding/discover-binding.ts';
import { onActivationTimer } from '../child/activate-child.ts';
import { onRetiredTimer } from '../child/retire-child.ts';
import { neverAuthenticated } from '../errors/failures.ts';
import { dropPeerSeries } from '../exchanges/drop-exchanges.ts';
import { onRefusalGraceOver } from '../exchanges/ike-sa-init-initiator.ts';
import { restartSession } from '../exchanges/initiate.ts';
import { onMoverTimer } from '../mobike/mover-timer.ts';
import { onStandbyTimer } from '../mobike/standby.ts';
import { onGiveUp } from '../procedures/end-ike-sa.ts';
import { onPostponedTimer } from '../procedures/postponed.ts';
import { runNext } from '../procedures/run-procedures.ts';
import { onLateAnswer } from '../reauth/answer-late.ts';
import { onHandOverTimer } from '../reauth/hand-over-timer.ts';
import { onFirstAnswerOverdue } from '../reauth/second-try.ts';
import { onReauthOver, startReauthentication } from '../reauth/start-reauth.ts';
import { restsBehind } from '../reauth/taken-over-timers.ts';
import { onChildLifetimeOver } from '../session/child-lifetime.ts';
import { endSession, forgetSession } from '../session/close-session.ts';
import { onIkeOver, onIkeSoft } from '../session/expire-ike.ts';
import { onFollowTimer } from '../session/follow-peer.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { onPathTimer } from '../session/liveness.ts';
import { onLivenessTimeout } from '../session/liveness-timeout.ts';
import { onReplacedTimer } from '../session/replaced-ike-sas.ts';
import { onRetransmitTimer } from '../session/retransmission.ts';
import { onDuplicateTimer } from '../unique/uniqueness.ts';
import { failProof } from './deliver-answer.ts';
import type { EndpointContext, TimerName } from './endpoint-context.ts';

/** What goes before what when several deadlines of one session are due at one wake, as after a sleep: the path first, then
 * what is to be replaced (the IKE SA before its children), then everything in the order of its time; then the ends, which
 * what was begun meanwhile puts off; then the question whether the peer is there, which any other exchange asks too; and last what only measures.
 */
const RANKS: Partial<Record<TimerName, number>> = {
  retransmit: 1,
  'address-update': 1,
  'replaced-ike': 1,
  reauth: 2,
  'ike-rekey': 3,
  'child-lifetime': 4,
  'reauth-over': 6,
  'ike-over': 6,
  'half-open': 6,
  'dpd-timeout': 7,
  path: 8,
  'path-watch': 8,
  binding: 9,
};
/** A path that may not be there any more: nothing else arrives before it is. */
const PATH_FIRST = 0;
const ORDINARY_RANK = 5;

/** Performs every deadline that is due: session by session as their first ones come, and in each by {@link RANKS}. */
export function runTimers(context: EndpointContext): void {
  for (;;) {
    const first = context.deadlines.first();
    if (!first || first.at > context.now) return;
    const session = context.sessions.get(first.sessionId);
    const isDoubtful = session?.liveness?.isInDoubt(context.now) ?? false;
    const due = context.deadlines.takeDueOf(first.sessionId, context.now, (name) =>
      rankOf(name, isDoubtful),
    );
    if (session && due) onTimer(context, session, due.name);
  }
}

function rankOf(name: TimerName, isDoubtful: boolean): number {
  return name.startsWith('path') && isDoubtful ? PATH_FIRST : (RANKS[name] ?? ORDINARY_RANK);
}

function onTimer(context: EndpointContext, session: IkeSession, name: TimerName): void {
  if (restsBehind(context, session, name)) return;
  switch (name) {
    case 'retransmit':
      onRetransmitTimer(context, session);
      return;
    case 'init-refusal':
      onRefusalGraceOver(context, session);
      return;
    case 'half-open':
      if (failProof(context, session)) return;
      endSession(context, session, neverAuthenticated(session.path));
      return;
    case 'proof':
      failProof(context, session);
      return;
    case 'path':
    case 'path-watch':
      onPathTimer(context, session);
      return;
    case 'binding':
      onBindingTimer(context, session);
      return;
    case 'follow':
      onFollowTimer(context, session);
      return;
    case 'address-update':
      onMoverTimer(context, session);
      return;
    case 'standby':
      onStandbyTimer(context, session);
      return;
    case 'child-lifetime':
      onChildLifetimeOver(context, session);
      return;
    case 'activation':
      onActivationTimer(context, session);
      return;
    case 'retired-child':
      onRetiredTimer(context, session);
      return;
    case 'ike-rekey':
      onIkeSoft(context, session);
      return;
    case 'ike-over':
      onIkeOver(context, session);
      return;
    case 'replaced-ike':
      onReplacedTimer(context, session);
      return;
    case 'postponed':
      onPostponedTimer(context, session);
      return;
    case 'reauth':
      startReauthentication(context, session);
      return;
    case 'reauth-over':
      onReauthOver(context, session);
      return;
    case 'hand-over':
      onHandOverTimer(context, session);
      return;
    case 'late-answer':
      onLateAnswer(context, session);
      return;
    case 'follow-up':
      dropPeerSeries(context, session);
      runNext(context, session);
      return;
    case 'second-try':
      onFirstAnswerOverdue(context, session);
      return;
    case 'restart':
      restartSession(context, session);
      return;
    case 'duplicate':
      onDuplicateTimer(context, session);
      return;
    case 'dpd-timeout':
      onLivenessTimeout(context, session);
      return;
    case 'reassembly':
      session.sa?.requestFragments.expire(context.now);
      session.sa?.responseFragments.expire(context.now);
      return;
    case 'give-up':
      onGiveUp(context, session);
      return;
    case 'linger':
      forgetSession(context, session);
      return;
    default:
      unreachable(name);
  }
}

function unreachable(name: never): never {
  throw new Error(`unhandled timer ${String(name)}`);
}
