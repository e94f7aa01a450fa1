import { type EndpointContext, releaseChildSpi } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Forgets the CREATE_CHILD_SA exchange that this side began, with all that it holds. */
export function dropInitiation(context: EndpointContext, session: IkeSession): void {
  const { initiation } = session;
  session.initiation = undefined;
  session.rival = undefined;
  session.deletedEarly.clear();
  if (!initiation) return;
  if ('initiatorSpi' in initiation.attempt) {
    context.sessionsBySpi.delete(initiation.attempt.initiatorSpi);
  }
  if ('inboundSpi' in initiation.attempt) {
    releaseChildSpi(context, initiation.attempt.inboundSpi);
  }
  if (initiation.kind === 'installing-child') {
    // The packet path may be about to take it: told in order, it removes it again.
    context.outputs.push({ kind: 'remove-child', childId: initiation.child.id });
  }
}

/** Forgets the CREATE_CHILD_SA exchange that the peer began, with all that it holds. */
export function dropAnswering(context: EndpointContext, session: IkeSession): void {
  const { answering } = session;
  session.answering = undefined;
  if (answering?.kind !== 'installing-answered-child') return;
  context.inboundChildSpis.delete(answering.child.inboundSpi);
  context.outputs.push({ kind: 'remove-child', childId: answering.child.id });
}
