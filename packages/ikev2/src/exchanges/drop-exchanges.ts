import { type EndpointContext, releaseChildSpi } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { type Initiation, isMade } from './create-child-state.ts';
import type { PeerSeries } from './follow-up-state.ts';

/** Forgets the CREATE_CHILD_SA exchange that this side began, with all that it holds. */
export function dropInitiation(context: EndpointContext, session: IkeSession): void {
  const { initiation } = session;
  session.initiation = undefined;
  session.rival = undefined;
  session.deletedEarly.clear();
  if (!initiation) return;
  eraseSeries(initiation);
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
  if (answering?.kind === 'responding-follow-up') release(context, answering.series);
  if (answering?.kind !== 'installing-answered-child') return;
  context.inboundChildSpis.delete(answering.child.inboundSpi);
  context.outputs.push({ kind: 'remove-child', childId: answering.child.id });
}

/** Forgets the additional key exchanges that the peer has agreed on with us and has not completed. @see RFC 9370 §2.2.4 */
export function dropPeerSeries(context: EndpointContext, session: IkeSession): void {
  const { peerSeries, rival } = session;
  session.peerSeries = undefined;
  context.deadlines.clear(session.id, 'follow-up');
  if (!peerSeries) return;
  release(context, peerSeries);
  if (rival && !isMade(rival)) session.rival = undefined;
}

function release(context: EndpointContext, { promised, secrets }: PeerSeries): void {
  for (const secret of secrets) secret.erase();
  if (promised.kind === 'child') context.inboundChildSpis.delete(promised.inboundSpi);
}

/** Overwrites the secrets that a series of ours has agreed on so far. */
export function eraseSeries(initiation: Initiation | undefined): void {
  if (!initiation || !('series' in initiation)) return;
  for (const secret of initiation.series.secrets) secret.erase();
}
