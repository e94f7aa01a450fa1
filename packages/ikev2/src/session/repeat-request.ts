import { addMs } from '@ipsec-kit/clock';
import type { Path } from '@ipsec-kit/ip';
import type { OutstandingRequest } from '@ipsec-kit/retransmit';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { predecessorsOf } from '../reauth/predecessors-of.ts';
import type { IkeSession } from './ike-session.ts';
import { transmit } from './send-message.ts';

/** How long a request is out at least before it is sent again because the peer is heard: it may be at work on that. */
const UNANSWERED_MS = 2_000;

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
  const { marker, running, authSent } = session;
  if (!transmit(context, session, request.datagrams, narration, { path, marker })) return;
  if (authSent) authSent.isRepeated = true;
  // RFC 4555 §3.7: a request that went to several addresses proves none of them.
  if (running && 'check' in running.procedure) running.procedure.check.onSent(path.remote);
}

/** Asks again at once what has no answer yet, since the peer has just shown that it is there. @see RFC 7296 §2.4 */
export function repeatOutstanding(context: EndpointContext, session: IkeSession): void {
  for (const request of session.requests.outstanding) repeatRequest(context, session, request);
}

/** The peer has just shown that it is there. What it has not answered for a while it may never have got, as when it slept: it is asked that
 * again now, also on the IKE SAs whose place this one takes, since the pause until the next copy is long by then, and may be
 * the last.
 * @see RFC 7296 §2.1, §2.4
 */
export function repeatUnanswered(context: EndpointContext, session: IkeSession): void {
  const { takesOver } = session;
  repeatOverdue(context, session);
  if (takesOver) repeatOverdue(context, takesOver);
  for (const old of predecessorsOf(takesOver ?? session)) repeatOverdue(context, old);
}

function repeatOverdue(context: EndpointContext, session: IkeSession): void {
  const { running, requests } = session;
  // A probe goes its own ways, and so does what looks for a path.
  if (running?.procedure.kind === 'probe-binding') return;
  for (const request of requests.outstanding) {
    const { messageId, lastSentAt, isPaced } = request;
    if (isPaced || context.now < addMs(lastSentAt, UNANSWERED_MS)) continue;
    requests.noteRepeated(messageId, context.now);
    repeatRequest(context, session, request);
  }
}
