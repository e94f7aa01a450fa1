import { addMs, type Instant } from '@ipsec-kit/clock';
import type { ChildSa } from '../child/child-sa.ts';
import { CHILD_LIFETIME_OVER } from '../errors/endings.ts';
import { isWithinOffer } from '../negotiate/selectors.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { LeftToClose } from '../session/left-to-close.ts';

/** How long the peer takes at most to ask again, though it sleeps once more. What it asks for later its user wants anew. */
export const ASKED_AGAIN_WITHIN_MS: number = 600_000;

/** Most that are remembered. */
const MAX_LEFT_TO_CLOSE = 64;

/** An IKE SA that another carries on ends in silence with the DELETE of a Child SA that has no answer, as when the peer slept. Where the
 * peer has asked for that in the other one, which puts it off, it asks again: the wish is left to that one. So it is where the DELETE
 * never left, as behind a request that has no answer: the peer has it still, and may move it to an IKE SA of its own later on. Where
 * it left and the peer has not asked, it may well know, as when only its answer got lost; and one that deletes the old IKE SA itself
 * has been told again before.
 * @see RFC 7296 §2.25.1
 */
export function passOnCloses(from: IkeSession, heir: IkeSession, now: Instant): void {
  for (const child of from.children.values()) {
    if (!isClosedUntold(child)) continue;
    const { config, localSelectors, remoteSelectors, deleting: reason } = child;
    const until = addMs(now, ASKED_AGAIN_WITHIN_MS);
    remember(heir, { name: config.name, localSelectors, remoteSelectors, reason, until });
  }
}

/** What is left to close is left to the IKE SA that takes the place of that one in turn. */
export function inheritCloses(from: IkeSession, to: IkeSession): void {
  for (const left of from.leftToClose.splice(0)) remember(to, left);
}

/** Why a Child SA that the peer has just made is to be closed at once, if it takes the place of one that is left to close. */
export function takeClose(session: IkeSession, child: ChildSa, now: Instant): string | undefined {
  const { leftToClose } = session;
  if (!child.isFromPeer || session.role !== 'responder') return undefined;
  const at = leftToClose.findIndex(
    (left) =>
      left.until >= now &&
      left.name === child.config.name &&
      isWithinOffer(left.localSelectors, child.localSelectors) &&
      isWithinOffer(left.remoteSelectors, child.remoteSelectors),
  );
  return at < 0 ? undefined : leftToClose.splice(at, 1)[0]?.reason;
}

/** One that only its lifetime has ended nobody wants gone: the peer has another with it. */
function isClosedUntold(child: ChildSa): child is ChildSa & { readonly deleting: string } {
  const { deleting, isDeleteSent, isAskedFor } = child;
  const isUntold = isAskedFor || !isDeleteSent;
  return isUntold && deleting !== undefined && deleting !== CHILD_LIFETIME_OVER;
}

function remember({ leftToClose }: IkeSession, left: LeftToClose): void {
  if (leftToClose.length >= MAX_LEFT_TO_CLOSE) leftToClose.shift();
  leftToClose.push(left);
}
