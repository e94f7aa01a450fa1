import { addressesEqual } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { ONE_OF_TWO } from '../errors/endings.ts';
import { exchangeIds, nextIdBehind, rename } from '../reauth/session-name.ts';
import { hasNotAsked } from '../reauth/turns.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** The peer opens a session of its own accord while we are about to open a lost one anew, and have not asked for that yet: what it
 * opens goes on as that, under its name.
 */
export function takeForLost(context: EndpointContext, session: IkeSession): void {
  const { connection, isClosing } = session;
  if (isClosing || (connection?.unique ?? 'no') === 'never') return;
  for (const lost of [...context.sessions.values()]) {
    const isNotAsked = lost.state.kind === 'awaiting-restart' || hasNotAsked(lost);
    if (!lost.isReopened || lost.isClosing || !isNotAsked) continue;
    if (lost.connection !== connection) continue;
    if (!addressesEqual(lost.path.remote.address, session.path.remote.address)) continue;
    exchangeIds(context, session, lost);
    rename(context, lost, nextIdBehind(context));
    lost.takenOverBy = session;
    session.isReopened = true;
    endSession(context, lost, ONE_OF_TWO);
    return;
  }
}
