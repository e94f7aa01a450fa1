import { isSilence } from '../errors/endings.ts';
import type { SessionFailure } from '../events.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { predecessorsOf } from './predecessors-of.ts';

/** The old IKE SAs that end with the one in their place: whoever has used that, and is silent on it now, is gone on those as well.
 * A responder has when anything has come under it. An initiator may have asked, heard nothing, and gone back to the old one, so
 * that one counts only when an answer of ours has reached it.
 * @see RFC 7296 §2.4
 */
export function goneWith(session: IkeSession, failure: SessionFailure): readonly IkeSession[] {
  const { role, lastInboundAt, establishedAt, peerUse } = session;
  const wasUsed = role === 'initiator' ? lastInboundAt > establishedAt : peerUse === 'heard';
  return wasUsed && isSilence(failure) ? predecessorsOf(session) : [];
}
