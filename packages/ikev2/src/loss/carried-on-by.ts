import { identitiesEqual } from '@ipsec-kit/auth';
import { addMs } from '@ipsec-kit/clock';
import { addressesEqual } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';
import { AT_ONCE_MS } from '../unique/at-once.ts';
import { furtherChildren } from './further-children.ts';

/** Another session with the same peer that stands in the place of one that is lost, or could not be opened: that is not opened
 * anew then. Both ends may open what both have lost, and one of the two is enough. Where a peer may have several (`never`), there
 * is none.
 */
export function carriedOnBy(context: EndpointContext, session: IkeSession): IkeSession | undefined {
  if ((session.connection?.unique ?? 'no') === 'never') return undefined;
  for (const other of context.sessions.values()) {
    if (other === session || other.state.kind !== 'established' || isBehind(other)) continue;
    if (other.isClosing || other.lease || !isInItsPlace(session, other)) continue;
    if (other.connection !== session.connection || !isSamePeer(session, other)) continue;
    if (hasAllOf(other, session)) return other;
  }
  return undefined;
}

/** The peer has opened it since; or it is ours, and of the two that both have opened the one that is kept. */
function isInItsPlace(session: IkeSession, other: IkeSession): boolean {
  if (other.role === 'responder') return other.establishedAt >= session.establishedAt;
  const isBegunBefore = other.begunAt <= addMs(session.establishedAt, AT_ONCE_MS);
  return session.role === 'responder' && isBegunBefore && session.begunAt <= other.establishedAt;
}

/** Whether it has whatever would be opened anew, by name. */
function hasAllOf(other: IkeSession, session: IkeSession): boolean {
  const { childName } = session;
  const names = new Set([...other.children.values()].map(({ config }) => config.name));
  if (session.isReopened && childName !== undefined && !names.has(childName)) return false;
  return furtherChildren(session, undefined).every((name) => names.has(name));
}

function isSamePeer(session: IkeSession, other: IkeSession): boolean {
  if (session.remoteIdentity && other.remoteIdentity) {
    return identitiesEqual(session.remoteIdentity, other.remoteIdentity);
  }
  return addressesEqual(session.path.remote.address, other.path.remote.address);
}
