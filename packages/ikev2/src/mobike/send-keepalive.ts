import type { Path } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { mayLeave } from './verified-address.ts';

/** Sends a 0xFF that keeps a NAT mapping; to an address where the peer was not shown to be it is one byte of what may go there. @see RFC 3948 §2.3 */
export function sendKeepalive(context: EndpointContext, session: IkeSession, path: Path): void {
  if (!mayLeave(context, session, { path, marker: false, bytes: 1 })) return;
  context.outputs.push({ kind: 'send-keepalive', path });
}
