import { addressesEqual, type Path, pathsEqual } from '@ipsec-kit/ip';
import { armChildLifetime } from '../child/arm-child-lifetime.ts';
import type { ChildSa } from '../child/child-sa.ts';
import {
  type EndpointContext,
  type PendingInstallation,
  raise,
} from '../endpoint/endpoint-context.ts';
import { provenPathOf } from '../mobike/verified-address.ts';
import type { IkeSession } from './ike-session.ts';

/** Where IKE goes from now on. @returns false when nothing has changed. */
export function moveIke(
  context: EndpointContext,
  session: IkeSession,
  path: Path,
  marker: boolean,
): boolean {
  if (pathsEqual(session.path, path)) {
    session.marker = marker;
    return false;
  }
  const from = session.path;
  session.path = path;
  session.marker = marker;
  session.unprovenTransmissions = 0;
  session.follower?.onMoved(context.now, path);
  // During the first exchanges a change is the way to port 4500, and no news.
  if (session.state.kind === 'established') {
    raise(context, { kind: 'peer-path-changed', sessionId: session.id, from, to: path });
  }
  return true;
}

/** Where the ESP packets of all Child SAs go from now on. One in transport mode is bound to its two addresses, and MOBIKE
 * does not move such a one: it is replaced by one between the new addresses, and only a change of ports moves it.
 * @see RFC 4555 §1.2 (transport mode is beyond its scope), RFC 7296 §2.23.1 (the selectors are the outer addresses)
 */
export function moveChildren(context: EndpointContext, session: IkeSession, path: Path): void {
  for (const child of session.children.values()) moveChild(context, child, path);
  armChildLifetime(context, session);
}

/** The ESP packets of Child SAs in tunnel mode go there ahead of the session; one in transport mode is replaced when that has moved. */
export function leadChildren(
  { outputs }: EndpointContext,
  { children }: IkeSession,
  path: Path,
): void {
  for (const { mode, id } of children.values()) {
    if (mode === 'tunnel') outputs.push({ kind: 'move-child', childId: id, path });
  }
}

/** A Child SA stands whose session may have moved while the packet path took it. */
export function followMove(
  context: EndpointContext,
  { childId, path: before }: Pick<PendingInstallation, 'childId' | 'path'>,
): void {
  const session = context.sessionsByChild.get(childId);
  const child = session?.children.get(childId);
  if (!session || !child) return;
  const path = provenPathOf(context, session);
  if (pathsEqual(path, before)) return;
  moveChild(context, child, path);
  armChildLifetime(context, session);
}

function moveChild(context: EndpointContext, child: ChildSa, path: Path): void {
  child.isElsewhere = false;
  if (child.mode === 'transport' && !isBetween(child, path)) child.softAt = context.now;
  else context.outputs.push({ kind: 'move-child', childId: child.id, path });
}

function isBetween({ localSelectors, remoteSelectors }: ChildSa, { local, remote }: Path): boolean {
  const [own, theirs] = [localSelectors[0]?.start, remoteSelectors[0]?.start];
  return (
    own !== undefined &&
    theirs !== undefined &&
    addressesEqual(own, local.address) &&
    addressesEqual(theirs, remote.address)
  );
}
