import { addressesEqual } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { ONE_OF_TWO } from '../errors/endings.ts';
import { exchangeIds, nextIdBehind, rename } from '../reauth/session-name.ts';
import { hasNotAsked } from '../reauth/turns.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** The peer opens a session of its own accord while we are about to open one, or a lost one anew, and have not asked for that yet:
 * what it opens goes on as that, under its name. One that we asked for later would look like a reauthentication of the peer's.
 */
export function takeForOwn(context: EndpointContext, session: IkeSession): void {
  const { connection, isClosing } = session;
  if (isClosing || (connection?.unique ?? 'no') === 'never') return;
  for (const own of [...context.sessions.values()]) {
    const isNotAsked = own.state.kind === 'awaiting-restart' || hasNotAsked(own);
    if (!isNotAsked || own.isClosing || own.takesOver) continue;
    if (own.connection !== connection) continue;
    if (!addressesEqual(own.path.remote.address, session.path.remote.address)) continue;
    exchangeIds(context, session, own);
    rename(context, own, nextIdBehind(context));
    own.takenOverBy = session;
    session.isReopened = own.isReopened;
    endSession(context, own, ONE_OF_TWO);
    return;
  }
}
