import { addMs } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from './ike-session.ts';

/** How long the first request after a sleep waits for its answer before the peer may have forgotten us: for one retransmission. */
export const FIRST_ANSWER_MS: number = 5_000;

/** The device slept: the peer may have ended the IKE SA meanwhile, of which nobody could tell us. Only who opened it opens another. */
export function noteWake(context: EndpointContext, session: IkeSession): void {
  if (session.role !== 'initiator' || session.state.kind !== 'established') return;
  if (session.delegated) return;
  session.wokeAt = context.now;
  context.deadlines.clear(session.id, 'second-try');
  if (session.requests.outstanding.length > 0) awaitFirstAnswer(context, session);
}

/** A request is out: where it is the first of a wake, its answer is waited for. */
export function awaitFirstAnswer(context: EndpointContext, session: IkeSession): void {
  if (session.wokeAt === undefined || session.state.kind !== 'established') return;
  if (context.deadlines.at(session.id, 'second-try') !== undefined) return;
  setTimer(context, session, 'second-try', addMs(context.now, FIRST_ANSWER_MS), {
    label: 'first answer after a sleep',
    wake: 'process',
  });
}
