import { announceChild } from '../child/install-child.ts';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import { nextSessionId } from '../endpoint/session-ids.ts';
import { ppkOutcome } from '../ppk/ppk-use.ts';
import { spisOf } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { beginLiveness } from '../session/liveness.ts';
import { armReauthentication } from './reauth-timer.ts';
import { rename } from './session-name.ts';

/** The peer keeps both IKE SAs, though the second looked like a reauthentication of the first: they are two sessions. The
 * second goes on under the name of the first, which gets one of its own.
 */
export function separate(
  context: EndpointContext,
  session: IkeSession,
  predecessor: IkeSession,
): void {
  const { connection, localIdentity, remoteIdentity, path, virtualAddresses } = predecessor;
  if (!connection || !localIdentity || !remoteIdentity) return;
  session.predecessor = undefined;
  predecessor.takenOverBy = undefined;
  rename(context, predecessor, nextSessionId(context));
  raise(context, {
    kind: 'session-opened',
    sessionId: predecessor.id,
    connection: connection.name,
    localIdentity,
    remoteIdentity,
    ...ppkOutcome(predecessor),
    path,
    virtualAddresses,
    peerAddresses: [],
    by: predecessor.role === 'initiator' ? 'local' : 'peer',
    spis: spisOf(predecessor.sa),
  });
  for (const child of predecessor.children.values()) {
    const wasMoved = child.replacedBy !== undefined && session.children.has(child.replacedBy);
    if (!wasMoved) continue;
    child.replacedBy = undefined;
    announceChild(context, predecessor, child);
  }
  beginLiveness(context, predecessor);
  armReauthentication(context, predecessor);
}
