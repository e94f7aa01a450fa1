import { CLOSED_BY_USER, neverAuthenticated } from '../errors/failures.ts';
import { onRefusalGraceOver } from '../exchanges/ike-sa-init-initiator.ts';
import { onKeepaliveTimer } from '../nat/keepalive.ts';
import { onChildLifetimeOver } from '../session/child-lifetime.ts';
import { endSession, forgetSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { onLivenessTimer } from '../session/liveness-timer.ts';
import { onRetransmitTimer } from '../session/retransmission.ts';
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
      return onRetransmitTimer(context, session);
    case 'init-refusal':
      return onRefusalGraceOver(context, session);
    case 'half-open':
      return endSession(context, session, neverAuthenticated(session.path));
    case 'dpd':
      return onLivenessTimer(context, session);
    case 'keepalive':
      return onKeepaliveTimer(context, session);
    case 'child-lifetime':
      return onChildLifetimeOver(context, session);
    case 'reassembly':
      session.sa?.requestFragments.expire(context.now);
      session.sa?.responseFragments.expire(context.now);
      return;
    case 'give-up':
      return endSession(context, session, CLOSED_BY_USER);
    case 'linger':
      return forgetSession(context, session);
    default:
      unreachable(name);
  }
}

function unreachable(name: never): never {
  throw new Error(`unhandled timer ${String(name)}`);
}
