import type { Path } from '@ipsec-kit/ip';
import { pathsEqual } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from './ike-session.ts';
import { type Narration, transmit } from './send-message.ts';

/** A response that would have been more than came from where it goes, and leaves when the peer has shown that it is there. */
export interface OwedResponse {
  readonly datagrams: readonly Uint8Array[];
  readonly narration: Narration;
  readonly via: { readonly path: Path; readonly marker: boolean };
}

/** The peer has shown that it is where the session goes: what it waits for leaves. */
export function sendOwed(context: EndpointContext, session: IkeSession): void {
  const { owed, path } = session;
  session.owed = undefined;
  if (!owed || !pathsEqual(owed.via.path, path)) return;
  transmit(context, session, owed.datagrams, owed.narration, owed.via);
}
