import type { ChildSa } from '../child/child-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { latestOf } from './latest-of.ts';

/** A Child SA of an old IKE SA is closed, and the one in its place was to move it: that is not asked for any more, also where the peer
 * has put it off. What has been asked for already goes when it is there. Where another has replaced it, that one moves.
 */
export function dropMove(session: IkeSession, child: ChildSa): void {
  const { origin, replacedBy } = child;
  if (replacedBy !== undefined) return;
  child.isMoved = false;
  const { queue, postponed, running } = latestOf(session);
  const waiting = [...queue, ...postponed.map(({ procedure }) => procedure)];
  if (running) waiting.push(running.procedure);
  for (const procedure of waiting) {
    if (procedure.kind === 'create-child' && procedure.moves === origin) procedure.isOver = true;
  }
}
