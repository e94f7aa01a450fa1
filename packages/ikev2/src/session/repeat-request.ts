import type { Path } from '@ipsec-kit/ip';
import type { OutstandingRequest } from '@ipsec-kit/retransmit';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from './ike-session.ts';
import { transmit } from './send-message.ts';

/** Sends a request again, the same bytes, over the path of now or another. @see RFC 7296 §2.1 */
export function repeatRequest(
  context: EndpointContext,
  session: IkeSession,
  request: OutstandingRequest,
  path: Path = session.path,
): void {
  const narration = {
    exchange: request.name,
    messageId: request.messageId,
    isResponse: false,
    payloads: session.outstanding?.payloads ?? '',
    retransmission: true,
  };
  const { marker, running } = session;
  if (!transmit(context, session, request.datagrams, narration, { path, marker })) return;
  // RFC 4555 §3.7: a request that went to several addresses proves none of them.
  if (running && 'check' in running.procedure) running.procedure.check.onSent(path.remote);
}

/** Asks again at once what has no answer yet, since the peer has just shown that it is there. @see RFC 7296 §2.4 */
export function repeatOutstanding(context: EndpointContext, session: IkeSession): void {
  for (const request of session.requests.outstanding) repeatRequest(context, session, request);
}
