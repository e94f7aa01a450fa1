import { identitiesEqual } from '@ipsec-kit/auth';
import { addMs } from '@ipsec-kit/clock';
import { addressesEqual } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';
import { AT_ONCE_MS } from '../unique/at-once.ts';
import { furtherChildren } from './further-children.ts';
import { reopenChild } from './lost-child.ts';

/** Another session with the same peer that stands in the place of one that is lost, or could not be opened, or is about to: that is
 * not opened anew then. Both ends may open what both have lost, and one of the two is enough. Where a peer may have several
 * (`never`), there is none.
 */
export function carriedOnBy(context: EndpointContext, session: IkeSession): IkeSession | undefined {
  if ((session.connection?.unique ?? 'no') === 'never') return undefined;
  for (const other of context.sessions.values()) {
    if (other === session || isBehind(other) || other.isClosing || other.lease) continue;
    if (!isInItsPlace(session, other)) continue;
    if (other.connection === session.connection && isSamePeer(session, other)) return other;
  }
  return undefined;
}

/** The peer has opened it since; or it is ours, and of the two that both have opened the one that is kept. */
function isInItsPlace(session: IkeSession, other: IkeSession): boolean {
  const isStanding = other.state.kind === 'established';
  if (other.role === 'responder') {
    return isStanding && other.establishedAt >= session.establishedAt;
  }
  const isBegunBefore = other.begunAt <= addMs(session.establishedAt, AT_ONCE_MS);
  if (session.role !== 'responder' || !isBegunBefore) return false;
  return isStanding ? session.begunAt <= other.establishedAt : isBeingOpened(other);
}

/** Our attempt at a session: it may stand at the peer already. */
function isBeingOpened({ role, state }: IkeSession): boolean {
  switch (state.kind) {
    case 'established':
    case 'ending':
    case 'lingering':
    case 'closed':
      return false;
    default:
      return role === 'initiator';
  }
}

/** What of a lost session would be opened anew is asked for in the one that stands in its place, where that has none of the name:
 * the peer may want less. One that is still being opened is tried for as long as the lost one would be.
 */
export function leaveTo(context: EndpointContext, other: IkeSession, session: IkeSession): void {
  const names = new Set(furtherChildren(session, undefined));
  if (session.isReopened && session.childName !== undefined) names.add(session.childName);
  for (const { config } of other.children.values()) names.delete(config.name);
  if (isBeingOpened(other)) {
    for (const name of [other.childName, ...other.furtherChildren]) names.delete(name ?? '');
    other.furtherChildren = [...other.furtherChildren, ...names];
    other.isReopened = true;
  } else for (const name of names) reopenChild(context, other, name);
}

function isSamePeer(session: IkeSession, other: IkeSession): boolean {
  if (session.remoteIdentity && other.remoteIdentity) {
    return identitiesEqual(session.remoteIdentity, other.remoteIdentity);
  }
  return addressesEqual(session.path.remote.address, other.path.remote.address);
}
