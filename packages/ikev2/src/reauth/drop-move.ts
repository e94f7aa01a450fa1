import type { ChildSa } from '../child/child-sa.ts';
import { underWay } from '../procedures/under-way.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { latestOf } from './latest-of.ts';

/** A Child SA of an old IKE SA is closed, and the one in its place was to move it: that is not asked for any more, also where the peer
 * has put it off. What has been asked for already goes when it is there. Where another has replaced it, that one moves.
 */
export function dropMove(session: IkeSession, child: ChildSa): void {
  const { origin, replacedBy } = child;
  if (replacedBy !== undefined) return;
  child.isMoved = false;
  for (const procedure of underWay(latestOf(session))) {
    if (procedure.kind === 'create-child' && procedure.moves === origin) procedure.isOver = true;
  }
}
