import { isSilence } from '../errors/endings.ts';
import type { SessionFailure } from '../events.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { predecessorsOf } from './predecessors-of.ts';

/** The old IKE SAs that end with the one in their place: whoever has used that and is silent on it now is gone on those as well.
 * Where nothing has come under it, the peer may never have had it.
 */
export function goneWith(session: IkeSession, failure: SessionFailure): readonly IkeSession[] {
  const hasHeard = session.lastInboundAt > session.establishedAt;
  return hasHeard && isSilence(failure) ? predecessorsOf(session) : [];
}
