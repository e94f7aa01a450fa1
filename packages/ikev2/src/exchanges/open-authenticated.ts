import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { readMobike } from '../mobike/begin-mobike.ts';
import { readAuthLifetime } from '../reauth/auth-lifetime.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { StateOf } from '../session/session-state.ts';
import { openChildless } from './childless-initiator.ts';
import { openFirstChild } from './first-child-initiator.ts';

/** Both sides are authentic: goes on to what the last IKE_AUTH response says about the first Child SA. */
export function openAuthenticated(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'checking-peer-proof'>,
): void {
  const { sa, connection } = session;
  const { childSpi } = state.offer;
  if (!sa || !connection) return;
  readMobike(session, state.payloads);
  readAuthLifetime(context, session, state.payloads);
  if (childSpi === undefined) openChildless(context, session, state);
  else openFirstChild(context, session, state, sa, connection, childSpi);
}
