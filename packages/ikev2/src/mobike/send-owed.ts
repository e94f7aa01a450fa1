import { pathsEqual } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { transmit } from '../session/send-message.ts';

/** The peer has shown that it is where the session goes: the response that it waits for leaves. */
export function sendOwed(context: EndpointContext, session: IkeSession): void {
  const { owed, path } = session;
  session.owed = undefined;
  if (!owed || !pathsEqual(owed.via.path, path)) return;
  transmit(context, session, owed.datagrams, owed.narration, owed.via);
}
