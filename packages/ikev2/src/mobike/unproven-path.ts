import { type Path, pathsEqual } from '@ipsec-kit/ip';
import type { IkeSession } from '../session/ike-session.ts';

/** Retransmissions to where a peer says it has moved to, since it said so, before it is looked for elsewhere only: a forged address is
 * not written to for ever. @see RFC 4555 §5.3
 */
const UNPROVEN_TRANSMISSIONS = 3;
const MOST_HEARD = 2;

/** Whether the peer was shown to be where the session goes. */
export function isProven({ path, provenPath }: IkeSession): boolean {
  return provenPath === undefined || pathsEqual(path, provenPath);
}

/** A copy of the last request of the peer has come: it is not known yet to have moved to where the first one came from, which
 * anybody could have sent from there, so it is looked for here as well.
 * @returns whether this is news.
 */
export function noteUnproven(session: IkeSession, path: Path): boolean {
  const { role, heardAt } = session;
  if (role !== 'responder' || isProven(session) || pathsEqual(path, session.path)) return false;
  const others = heardAt.filter((known) => !pathsEqual(known, path));
  session.heardAt = [path, ...others].slice(0, MOST_HEARD);
  return others.length === heardAt.length;
}

/** Where a peer is looked for that has moved and has not shown that it is there: there, a few times, where it was shown to be
 * last, and where copies of its request came from. An answer shows something only where the question went to one place, so the first
 * retransmission, too, goes there alone.
 */
export function whereItMayBe(session: IkeSession): readonly Path[] {
  const { path, provenPath, heardAt } = session;
  const others = [...(provenPath ? [provenPath] : []), ...heardAt];
  if (session.unprovenTransmissions >= UNPROVEN_TRANSMISSIONS) return others;
  session.unprovenTransmissions += 1;
  return session.unprovenTransmissions === 1 ? [path] : [path, ...others];
}

/** Whether an answer came from one of these. */
export function mayBeAt({ provenPath, heardAt }: IkeSession, path: Path): boolean {
  return [...(provenPath ? [provenPath] : []), ...heardAt].some((known) => pathsEqual(known, path));
}
