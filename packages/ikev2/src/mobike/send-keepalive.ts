import type { Path } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { mayLeave } from './verified-address.ts';

/** Sends a 0xFF that keeps a NAT mapping; it counts as any other byte where the peer is not shown to be. @see RFC 3948 §2.3 */
export function sendKeepalive(context: EndpointContext, session: IkeSession, path: Path): void {
  if (!mayLeave(context, session, { path, marker: false, bytes: 1 })) return;
  context.outputs.push({ kind: 'send-keepalive', path });
}
