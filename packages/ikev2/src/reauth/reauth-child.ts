import type { ChildSa } from '../child/child-sa.ts';
import { announceChild, announceReplacement } from '../child/install-child.ts';
import type { Moved, NegotiatedChild } from '../child/negotiated-child.ts';
import { replacementElsewhere } from '../child/replacement-elsewhere.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { isWithinOffer } from '../negotiate/selectors.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';
import { latestOf } from './latest-of.ts';
import { takeForWish } from './left-behind.ts';
import { takeClose } from './pass-on-closes.ts';
import { predecessorsOf } from './predecessors-of.ts';

/** A Child SA of a new IKE SA, with what it replaces of the old one: what it was asked for to move; at the other side, and where that is
 * gone, the one of the same name, and of the same selectors where several have the name.
 * @param by - who asked for it: our side moves at the response, the other when the peer shows that it has moved.
 * @see RFC 7296 §2.8
 */
export function asReplacement(
  session: IkeSession,
  child: NegotiatedChild,
  by: 'local' | 'peer',
): NegotiatedChild {
  const { takesOver } = session;
  const latest = takesOver && latestOf(takesOver);
  const old = latest ? [latest, ...predecessorsOf(latest)] : predecessorsOf(session);
  const replaced = replacedChild(old, child);
  return replaced ? { ...child, replaces: replaced.id, waitsForPeer: by === 'peer' } : child;
}

/** Whether the peer asks in a new IKE SA for what we are closing in the old one: it moves that, and does not know yet, or it does and
 * wants another. Once our DELETE is answered the two are told apart.
 * @see RFC 7296 §2.25.1 (a rekey of what is being closed)
 */
export function isBeingClosed(
  session: IkeSession,
  child: Pick<NegotiatedChild, 'config' | 'localSelectors' | 'remoteSelectors'>,
): boolean {
  if (session.role !== 'responder') return false;
  const old = replacedChild(predecessorsOf(session), child);
  if (old?.deleting === undefined) return false;
  old.isAskedFor = true;
  return true;
}

/** The same once it is installed: what it was to replace may have been closed meanwhile, or moved to an IKE SA of the peer's that
 * stands since, where its replacement is the one to replace.
 */
export function asReplacementStill(
  context: EndpointContext,
  session: IkeSession,
  child: NegotiatedChild,
): NegotiatedChild {
  const { replaces, ...rest } = child;
  if (replaces === undefined) return child;
  const owner = context.sessionsByChild.get(replaces);
  const old = owner?.children.get(replaces);
  if (owner && old && replacementElsewhere(owner.children, old) === undefined) return child;
  return asReplacement(session, rest, child.waitsForPeer ? 'peer' : 'local');
}

function replacedChild(
  old: readonly IkeSession[],
  {
    config,
    moves,
    localSelectors,
    remoteSelectors,
  }: Pick<NegotiatedChild, 'config' | 'moves' | 'localSelectors' | 'remoteSelectors'>,
): ChildSa | undefined {
  const named = old
    .flatMap(({ children }) => [...children.values()])
    .filter((child) => child.config.name === config.name && child.replacedBy === undefined)
    .filter(({ isRedundant }) => !isRedundant);
  const meant = meantBy(moves, named);
  const living = meant.filter(({ deleting }) => deleting === undefined);
  // It rather is the one that we have asked for: the peer has made that, and moves it before its answer comes.
  if (living.length === 0 && old.some((one) => isAskingFor(one, config.name))) return undefined;
  const candidates = living.length > 0 ? living : meant;
  const isSame = (child: ChildSa): boolean =>
    isWithinOffer(child.localSelectors, localSelectors) &&
    isWithinOffer(child.remoteSelectors, remoteSelectors);
  return candidates.find(isSame) ?? candidates.at(-1);
}

/** What it may take the place of: what it was asked for to move. Where the peer has closed that meanwhile, it may have taken it for
 * another that it had, or has asked for itself; not for what our own user has wished for since, which is mostly answered later.
 */
function meantBy(moves: Moved | undefined, named: readonly ChildSa[]): readonly ChildSa[] {
  if (!moves) return named;
  const same = named.filter(({ origin }) => origin === moves.origin);
  if (same.length > 0) return same;
  return named.filter(({ isFromPeer, origin }) => isFromPeer || origin < moves.before);
}

/** Whether a request for a Child SA of this name is out. */
function isAskingFor({ initiation }: IkeSession, name: string): boolean {
  const isOut =
    initiation?.kind === 'awaiting-child-response' ||
    initiation?.kind === 'awaiting-follow-up-response';
  if (!isOut || !('offer' in initiation.attempt)) return false;
  const { rekeys, offer } = initiation.attempt;
  return rekeys === undefined && offer.config.name === name;
}

/** What a Child SA has replaced in the old IKE SA: of several, one after the other, the one that its user knows. */
function replacedBefore(session: IkeSession, id: number): ChildSa | undefined {
  const replaced = predecessorsOf(session)
    .flatMap(({ children }) => [...children.values()])
    .filter(({ replacedBy }) => replacedBy === id);
  return replaced.find(({ isAnnounced }) => isAnnounced) ?? replaced[0];
}

/** Tells of a Child SA that stands: to its user it is the one that it replaces, or a new one. */
export function announceOpened(
  context: EndpointContext,
  session: IkeSession,
  child: NegotiatedChild,
): void {
  const fresh = session.children.get(child.id);
  const old = replacedBefore(session, child.id);
  const by = child.waitsForPeer ? 'peer' : 'local';
  if (old && fresh) announceReplacement(context, session, old, fresh, by);
  if (isBehind(session)) return;
  if (!fresh?.isAnnounced) announceChild(context, session, child);
  if (!old && fresh) takeForWish(session, fresh);
  // What takes the place of one that stands is not the one that is left to close.
  const reason = old ? old.deleting : fresh && takeClose(session, fresh, context.now);
  if (!fresh || reason === undefined) return;
  // Closed by its user while it was being replaced: so is the replacement.
  fresh.deleting = reason;
  session.queue.push({ kind: 'delete-child', childId: fresh.id, reason });
}

/** What a Child SA was made to replace is gone: somebody has closed that, so this one goes as well. The peer may take it for the same,
 * and close it too: what is wished for since then is made on its own.
 * @param isClosed - whether it is known to have been closed, and has not gone with its IKE SA.
 */
export function closeWithReplaced(
  session: IkeSession,
  { id }: NegotiatedChild,
  isClosed: boolean = false,
): void {
  if (isBehind(session) || replacedBefore(session, id)) return;
  if (!session.predecessor && !isClosed) return;
  const { queue } = session;
  const child = session.children.get(id);
  const reason = 'what it was to replace has been closed';
  if (child) child.deleting = reason;
  queue.push({ kind: 'delete-child', childId: id, reason });
}
