import type { ChildSa } from '../child/child-sa.ts';
import { announceChild, announceReplacement } from '../child/install-child.ts';
import type { NegotiatedChild } from '../child/negotiated-child.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { isWithinOffer } from '../negotiate/selectors.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';
import { latestOf } from './latest-of.ts';

/** A Child SA of a new IKE SA, with what it replaces of the old one: the one of the same name, and of the same selectors
 * where several have the name.
 * @param by - who asked for it: our side moves at the response, the other when the peer shows that it has moved.
 * @see RFC 7296 §2.8
 */
export function asReplacement(
  session: IkeSession,
  child: NegotiatedChild,
  by: 'local' | 'peer',
): NegotiatedChild {
  const { takesOver, predecessor } = session;
  const replaced = replacedChild(takesOver ? latestOf(takesOver) : predecessor, child);
  return replaced ? { ...child, replaces: replaced.id, waitsForPeer: by === 'peer' } : child;
}

function replacedChild(
  old: IkeSession | undefined,
  { config, localSelectors, remoteSelectors }: NegotiatedChild,
): ChildSa | undefined {
  const candidates = [...(old?.children.values() ?? [])].filter(
    (child) => child.config.name === config.name && child.replacedBy === undefined,
  );
  const isSame = (child: ChildSa): boolean =>
    isWithinOffer(child.localSelectors, localSelectors) &&
    isWithinOffer(child.remoteSelectors, remoteSelectors);
  return candidates.find(isSame) ?? candidates.at(-1);
}

/** Tells of a Child SA that stands: to its user it is the one that it replaces, or a new one. */
export function announceOpened(
  context: EndpointContext,
  session: IkeSession,
  child: NegotiatedChild,
): void {
  const fresh = session.children.get(child.id);
  const old = session.predecessor?.children.get(child.replaces ?? 0);
  const by = child.waitsForPeer ? 'peer' : 'local';
  if (old && fresh) announceReplacement(context, session, old, fresh, by);
  if (isBehind(session)) return;
  if (!fresh?.isAnnounced) announceChild(context, session, child);
  if (!fresh || old?.deleting === undefined) return;
  // Closed by its user while it was being replaced: so is the replacement.
  fresh.deleting = old.deleting;
  session.queue.push({ kind: 'delete-child', childId: fresh.id, reason: old.deleting });
}
