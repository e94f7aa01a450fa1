import { addressesEqual, hasAddress, type IpAddress, type Path, pathsEqual } from '@ipsec-kit/ip';
import { ipv4BehindNat64 } from '@ipsec-kit/mobike';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isProven } from './unproven-path.ts';

/** Bytes of the non-ESP marker. @see RFC 3948 §2.2 */
const MARKER_BYTES = 4;
/** Most that a request with COOKIE2 has, marker included: with AES-CBC and an ICV of 32 bytes. */
const CHECK_BYTES = 128;

/** Likewise an UPDATE_SA_ADDRESSES that is no longer than it must be. */
const UPDATE_BYTES = 224;

/** Addresses that an initiator may change between while it is answered. */
const MOST_ANSWERED = 4;

/** A message that leaves or has come. */
interface Transfer {
  readonly path: Path;
  readonly marker: boolean;
  readonly bytes: number;
  /** How many datagrams those are; default 1. */
  readonly fragments?: number;
  readonly isResponse?: boolean;
}

/** Whether a peer was shown to receive at this address, or our user says that it does: what goes there is not limited. A cookie
 * shows it, a message that answers what went there, and COOKIE2. What the peer itself says of where it is shows nothing.
 * @see RFC 7296 §2.6, RFC 4555 §3.7
 */
export function isVerified(
  context: EndpointContext,
  session: IkeSession,
  address: IpAddress,
): boolean {
  const { role } = session;
  if (role === 'responder' && !session.provenPath) return false;
  const { remote } = knownPath(session);
  return addressesEqual(hostAt(context, remote.address), hostAt(context, address));
}

/** An authentic message has come: as much may go back to where it came from. */
export function earnFrom(
  context: EndpointContext,
  session: IkeSession,
  transfer: Omit<Transfer, 'isResponse'>,
): void {
  const { address } = transfer.path.remote;
  if (isVerified(context, session, address)) return;
  session.earned.earn(hostAt(context, address), sizeOf(transfer));
}

/** Whether a message may leave; counts it when it may. A response to a peer that has moved leaves room for the question whether it
 * is there, which is asked next. Where the peer has listed the address a few may leave unasked.
 */
export function mayLeave(
  context: EndpointContext,
  session: IkeSession,
  transfer: Transfer,
): boolean {
  const { now } = context;
  const { address } = transfer.path.remote;
  if (isVerified(context, session, address)) return true;
  const host = hostAt(context, address);
  const bytes = sizeOf(transfer);
  const isListed = isProbed(context, session, address);
  const reserve = isListed ? 0 : reserveFor(session, transfer);
  if (session.earned.left(host) >= bytes + reserve) return session.earned.spend(host, bytes);
  return isListed && session.probes.spend(now, host, bytes);
}

/** Whether a request of this size could leave over the path in use. */
export function hasRoomFor(context: EndpointContext, session: IkeSession, bytes: number): boolean {
  const { path, marker, earned, probes } = session;
  const { address } = path.remote;
  if (isVerified(context, session, address)) return true;
  const host = hostAt(context, address);
  const all = sizeOf({ path, marker, bytes });
  if (earned.left(host) >= all) return true;
  return isProbed(context, session, address) && probes.has(context.now, host, all);
}

/** Where an IKE SA is opened that takes the place of a session's on this path: at the peer where it was shown to be. */
export function verifiedPath(context: EndpointContext, session: IkeSession, path: Path): Path {
  if (isVerified(context, session, path.remote.address)) return path;
  const known = knownPath(session);
  const isSameFamily = known.remote.address.version === path.local.address.version;
  return isSameFamily ? { local: path.local, remote: known.remote } : known;
}

/** Where ESP packets go: not to where the peer only says or seems to be. */
export function provenPathOf(context: EndpointContext, session: IkeSession): Path {
  const { provenPath, path, role, followedTo } = session;
  if (!provenPath) return path;
  const isTold = role === 'responder' || followedTo !== undefined;
  return isTold || !isVerified(context, session, path.remote.address) ? provenPath : path;
}

/** Our IKE_SA_INIT response goes there. */
export function noteAnswered(session: IkeSession, { remote }: Path): void {
  const { answeredAt } = session;
  if (hasAddress(answeredAt, remote.address)) return;
  session.answeredAt = [...answeredAt, remote.address].slice(0, MOST_ANSWERED);
}

/** A request of an initiator that is not authenticated yet has verified: it has seen our IKE_SA_INIT response, which went there. */
export function noteShown(session: IkeSession, path: Path): void {
  const { role, answeredAt, provenPath } = session;
  if (role !== 'responder' || provenPath) return;
  if (hasAddress(answeredAt, path.remote.address)) {
    session.provenPath = path;
  }
}

/** Where the peer was shown to be last, or where our user says that it is. */
function knownPath({ provenPath, followedTo, firstPath, path }: IkeSession): Path {
  return provenPath ?? (followedTo ? firstPath : path);
}

/** An initiator has to speak first where its peer says that it may be. @see RFC 4555 §3.5, §3.6 */
function isProbed(context: EndpointContext, session: IkeSession, address: IpAddress): boolean {
  const { role, addressUpdates } = session;
  const list = role === 'initiator' ? addressUpdates?.peerAddresses : undefined;
  if (!list) return false;
  return list.isListed(address) || list.isListed(hostAt(context, address));
}

/** The host that a packet reaches there: a NAT64 of a network that we are or were in leads on to an IPv4 address. @see RFC 6052 §2 */
function hostAt({ nat64Prefixes }: EndpointContext, address: IpAddress): IpAddress {
  for (const prefix of nat64Prefixes) {
    const host = ipv4BehindNat64(prefix, address);
    if (host) return host;
  }
  return address;
}

/** What a response leaves for the question whether the peer is there. */
function reserveFor(session: IkeSession, { path, isResponse }: Transfer): number {
  if (!isResponse || session.state.kind !== 'established') return 0;
  if (isProven(session) || !pathsEqual(path, session.path)) return 0;
  return session.mover && !session.followedTo ? UPDATE_BYTES : CHECK_BYTES;
}

function sizeOf({ bytes, marker, fragments = 1 }: Omit<Transfer, 'isResponse'>): number {
  return bytes + (marker ? MARKER_BYTES * fragments : 0);
}
