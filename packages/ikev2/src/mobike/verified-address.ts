import { addressesEqual, type IpAddress, type Path, pathsEqual } from '@ipsec-kit/ip';
import type { IkeSession } from '../session/ike-session.ts';
import { isProven } from './unproven-path.ts';

/** Bytes of the non-ESP marker. @see RFC 3948 §2.2 */
const MARKER_BYTES = 4;
/** Most that a request with COOKIE2 has, marker included: with AES-CBC and an ICV of 32 bytes. */
const CHECK_BYTES = 128;

/** Addresses that an initiator may change between while it is answered. */
const MOST_ANSWERED = 4;

/** A message that leaves or has come. */
interface Transfer {
  readonly path: Path;
  readonly marker: boolean;
  readonly bytes: number;
  /** How many datagrams those are; default 1. */
  readonly fragments?: number;
}

/** Whether a peer was shown to receive at this address, or whoever uses us says that it does: what goes there is not limited.
 * A cookie shows it, a message that answers what went there, and COOKIE2. An initiator goes where it was told to, and
 * where its peer has said under the protection of the IKE SA that it is.
 * @see RFC 7296 §2.6, RFC 4555 §3.7
 */
export function isVerified(session: IkeSession, address: IpAddress): boolean {
  const { provenPath, role, path, followedTo, addressUpdates } = session;
  if (provenPath && addressesEqual(provenPath.remote.address, address)) return true;
  if (role === 'responder') return false;
  if (addressUpdates?.peerAddresses.has(address)) return true;
  return followedTo === undefined && addressesEqual(path.remote.address, address);
}

/** An authentic message has come: as much may go back to where it came from. */
export function earnFrom(session: IkeSession, transfer: Transfer): void {
  const { address } = transfer.path.remote;
  if (!isVerified(session, address)) session.earned.earn(address, sizeOf(transfer));
}

/** Whether a message may leave; counts it when it may. A response to a peer that has moved leaves room for the question whether it
 * is there, which is asked next.
 */
export function mayLeave(session: IkeSession, transfer: Transfer, isResponse: boolean): boolean {
  const { address } = transfer.path.remote;
  if (isVerified(session, address)) return true;
  const bytes = sizeOf(transfer);
  const reserve = isResponse && isToBeAsked(session, transfer.path) ? CHECK_BYTES : 0;
  return session.earned.left(address) >= bytes + reserve && session.earned.spend(address, bytes);
}

/** Where ESP packets go: not to where the peer only says or seems to be. */
export function provenPathOf(session: IkeSession): Path {
  const { provenPath, path, role, followedTo } = session;
  return role === 'responder' || followedTo ? (provenPath ?? path) : path;
}

/** Our IKE_SA_INIT response goes there. */
export function noteAnswered(session: IkeSession, { remote }: Path): void {
  const { answeredAt } = session;
  if (answeredAt.some((known) => addressesEqual(known, remote.address))) return;
  session.answeredAt = [...answeredAt, remote.address].slice(0, MOST_ANSWERED);
}

/** A request of an initiator that is not authenticated yet has verified: it has seen our IKE_SA_INIT response, which went there. */
export function noteShown(session: IkeSession, path: Path): void {
  const { role, answeredAt, provenPath } = session;
  if (role !== 'responder' || provenPath) return;
  if (answeredAt.some((known) => addressesEqual(known, path.remote.address))) {
    session.provenPath = path;
  }
}

function isToBeAsked(session: IkeSession, path: Path): boolean {
  return (
    session.state.kind === 'established' && !isProven(session) && pathsEqual(path, session.path)
  );
}

function sizeOf({ bytes, marker, fragments = 1 }: Transfer): number {
  return bytes + (marker ? MARKER_BYTES * fragments : 0);
}
