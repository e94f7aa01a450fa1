import { addressesEqual, type Path, pathsEqual } from '@ipsec-kit/ip';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { resendOutstanding } from '../mobike/send-outstanding.ts';
import { isProven } from '../mobike/unproven-path.ts';
import { earnFrom, isVerified } from '../mobike/verified-address.ts';
import { askWhetherThere } from '../procedures/path-check.ts';
import { runNext } from '../procedures/run-procedures.ts';
import type { IkeSession } from './ike-session.ts';
import { moveChildren, moveIke } from './move-path.ts';

/** A new, authenticated packet came: one from another path than the one in use moves the session there, unless this host is
 * itself behind a NAT, where an attacker could move it with a single copied packet, or replays would not be found. Moves have
 * a hold-down between them.
 * @see RFC 7296 §2.23, RFC 4555 §3.5 (the initiator decides), §3.8 (with MOBIKE, IKE packets MUST NOT move it, ESP packets may)
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
  // What comes to another of our addresses left before the peer knew, or is a copy: where it is the initiator decides itself, and tells.
  const decides = session.mover !== undefined && addressUpdates !== undefined;
  if (decides && !addressesEqual(path.local.address, session.path.local.address)) return;
  follower.setFacts({ isBehindNat: nat.local, hasMobike: addressUpdates !== undefined });
  const packet = { now: context.now, path, by, isNewest: true, replayProtection };
  follow(context, session, follower.onPacket(packet), marker);
}

/** The packet path saw an ESP packet, the newest of its Child SA, come from another path.
 * @param bytes - that came from there since it was told last.
 */
export function followEsp(
  context: EndpointContext,
  childId: number,
  path: Path,
  bytes: number,
): void {
  const session = context.sessionsByChild.get(childId);
  const child = session?.children.get(childId);
  if (!session || !child) return;
  earnFrom(context, session, { path, marker: false, bytes });
  const wasLeft = session.follower?.wasLeft(context.now, path) ?? false;
  child.isElsewhere = !wasLeft && !pathsEqual(path, session.path);
  const hasReplayProtection = child.config.replayWindowPackets > 0;
  if (pathsEqual(path, session.path) && !isProven(session)) {
    // It is there, as it has said: what it was asked there may have been lost while the path was not usable.
    session.unprovenTransmissions = 0;
    resendOutstanding(context, session);
  }
  followPeer(context, session, path, session.marker, 'esp', hasReplayProtection);
  runNext(context, session);
}

/** The path in use has been silent for long enough. */
export function onFollowTimer(context: EndpointContext, session: IkeSession): void {
  follow(context, session, session.follower?.onTimeout(context.now), session.marker);
  runNext(context, session);
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

/** Another port of an address where the peer is known to be is another mapping of its NAT. Another address may be a forged one: before
 * more goes there than came from there, the peer is asked whether it is.
 */
function goTo(context: EndpointContext, session: IkeSession, path: Path, marker: boolean): void {
  const isTrusted = session.connection?.peerPathCheck === false;
  const isKnown = isTrusted || isVerified(context, session, path.remote.address);
  if (!moveIke(context, session, path, marker)) return;
  if (isKnown) {
    moveChildren(context, session, path);
    session.provenPath = path;
    session.followedTo = undefined;
    session.mover?.onMoved(path);
  } else {
    session.followedTo = path;
    // What is out may have been lost where the peer was, and the question waits for its answer.
    resendOutstanding(context, session);
    askWhetherThere(context, session);
  }
}
