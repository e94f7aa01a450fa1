import { addressesEqual, type Path, pathsEqual } from '@ipsec-kit/ip';
import { armChildLifetime } from '../child/arm-child-lifetime.ts';
import type { ChildSa } from '../child/child-sa.ts';
import { type EndpointContext, raise, setTimer } from '../endpoint/endpoint-context.ts';
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
  for (const child of session.children.values()) {
    if (child.mode === 'transport' && !isBetween(child, path)) child.softAt = context.now;
    else context.outputs.push({ kind: 'move-child', childId: child.id, path });
  }
  armChildLifetime(context, session);
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

/** A new, authenticated packet came: one from another path than the one in use moves the session there, unless this host is
 * itself behind a NAT, where an attacker could move it with a single copied packet, or replays would not be found. Moves have
 * a hold-down between them.
 * @see RFC 7296 §2.23, RFC 4555 §3.8 (with MOBIKE, IKE packets MUST NOT move it, ESP packets may)
 */
export function followPeer(
  context: EndpointContext,
  session: IkeSession,
  path: Path,
  marker: boolean,
  by: 'ike' | 'esp',
  replayProtection = true,
): void {
  const { follower, nat, addressUpdates } = session;
  if (!follower) {
    // During the first exchanges it goes where the peer does: from port 500 to 4500.
    goTo(context, session, path, marker);
    return;
  }
  follower.setFacts({ isBehindNat: nat.local, hasMobike: addressUpdates !== undefined });
  const packet = { now: context.now, path, by, isNewest: true, replayProtection };
  follow(context, session, follower.onPacket(packet), marker);
}

/** The packet path saw an ESP packet, the newest of its Child SA, come from another path. */
export function followEsp(context: EndpointContext, childId: number, path: Path): void {
  const session = context.sessionsByChild.get(childId);
  const child = session?.children.get(childId);
  if (!session || !child) return;
  const hasReplayProtection = child.config.replayWindowPackets > 0;
  followPeer(context, session, path, session.marker, 'esp', hasReplayProtection);
}

/** The path in use has been silent for long enough. */
export function onFollowTimer(context: EndpointContext, session: IkeSession): void {
  follow(context, session, session.follower?.onTimeout(context.now), session.marker);
}

function follow(
  context: EndpointContext,
  session: IkeSession,
  path: Path | undefined,
  marker: boolean,
): void {
  if (path) goTo(context, session, path, marker);
  const next = session.follower?.nextDeadline();
  if (!next) {
    context.deadlines.clear(session.id, 'follow');
    return;
  }
  const { at, toleranceMs, wake, name } = next;
  setTimer(context, session, 'follow', at, { label: name, toleranceMs, wake });
}

function goTo(context: EndpointContext, session: IkeSession, path: Path, marker: boolean): void {
  if (!moveIke(context, session, path, marker)) return;
  moveChildren(context, session, path);
  session.provenPath = path;
  session.mover?.onMoved(path);
}
