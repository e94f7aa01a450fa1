import type { IkeSession } from '../session/ike-session.ts';

/** The IKE SA that has taken the place of one, after whatever others did: the peer may have been quicker than our own attempt. */
export function latestOf(session: IkeSession): IkeSession {
  let last = session;
  while (last.takenOverBy?.state.kind === 'established') last = last.takenOverBy;
  return last;
}
