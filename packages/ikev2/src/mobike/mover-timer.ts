import { pathsEqual } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { runNext } from '../procedures/run-procedures.ts';
import { startReauthentication } from '../reauth/start-reauth.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { tellMover } from './perform-moves.ts';

/** A move that had to wait may begin; to a peer without MOBIKE that is a reauthentication over the path of the mover. */
export function onMoverTimer(context: EndpointContext, session: IkeSession): void {
  const { mover, addressUpdates } = session;
  if (mover && !addressUpdates) {
    if (!pathsEqual(mover.path, session.path)) startReauthentication(context, session);
    return;
  }
  tellMover(context, session, { kind: 'timeout' });
  runNext(context, session);
}
