import { onActivationTimer } from '../child/activate-child.ts';
import { onRetiredTimer } from '../child/retire-child.ts';
import { neverAuthenticated } from '../errors/failures.ts';
import { onRefusalGraceOver } from '../exchanges/ike-sa-init-initiator.ts';
import { restartSession } from '../exchanges/initiate.ts';
import { onKeepaliveTimer } from '../nat/keepalive.ts';
import { onGiveUp } from '../procedures/end-ike-sa.ts';
import { onHandOverTimer } from '../reauth/hand-over-timer.ts';
import { onReauthOver, startReauthentication } from '../reauth/start-reauth.ts';
import { onChildLifetimeOver } from '../session/child-lifetime.ts';
import { endSession, forgetSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { onLivenessTimer } from '../session/liveness-timer.ts';
import { onRetransmitTimer } from '../session/retransmission.ts';
import { onDuplicateTimer } from '../unique/uniqueness.ts';
import type { EndpointContext, TimerName } from './endpoint-context.ts';

/** Performs every deadline that is due, in the order of their times. */
export function runTimers(context: EndpointContext): void {
  for (;;) {
    const due = context.deadlines.takeDue(context.now);
    if (!due) return;
    const session = context.sessions.get(due.sessionId);
    if (session) onTimer(context, session, due.name);
  }
}

function onTimer(context: EndpointContext, session: IkeSession, name: TimerName): void {
  switch (name) {
    case 'retransmit':
      onRetransmitTimer(context, session);
      return;
    case 'init-refusal':
      onRefusalGraceOver(context, session);
      return;
    case 'half-open':
      endSession(context, session, neverAuthenticated(session.path));
      return;
    case 'dpd':
      onLivenessTimer(context, session);
      return;
    case 'keepalive':
      onKeepaliveTimer(context, session);
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
    case 'reauth':
      startReauthentication(context, session);
      return;
    case 'reauth-over':
      onReauthOver(context, session);
      return;
    case 'hand-over':
      onHandOverTimer(context, session);
      return;
    case 'restart':
      restartSession(context, session);
      return;
    case 'duplicate':
      onDuplicateTimer(context, session);
      return;
    case 'dpd-timeout':
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
