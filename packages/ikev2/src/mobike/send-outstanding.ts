import { addMs, msBetween } from '@ipsec-kit/clock';
import type { Path } from '@ipsec-kit/ip';
import type { OutstandingRequest } from '@ipsec-kit/retransmit';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { repeatRequest } from '../session/repeat-request.ts';
import { armRetransmission } from '../session/send-message.ts';

/** Milliseconds between transmissions while paths are tried. */
export const PACE_MS = 2_500;
/** Least time between transmissions because a path is another now. */
const LEAST_MS = 500;

/** Sends the outstanding request at once over the path in use, which is another now, if there is one; not more than twice a
 * second, since addresses may flap.
 */
export function resendOutstanding(context: EndpointContext, session: IkeSession): void {
  const [request] = session.requests.outstanding;
  if (!request) return;
  const soonest = addMs(request.lastSentAt, LEAST_MS);
  if (request.isPaced && context.now < soonest) {
    if (request.dueAt > soonest) {
      session.requests.pace(request.messageId, request.lastSentAt, LEAST_MS);
    }
    // Its deadline has gone where there was no path.
    armRetransmission(context, session);
    return;
  }
  sendOutstandingOver(context, session, [session.path], PACE_MS);
}

/** Whether a request tells of a move of ours, or was overtaken by one: to find its way it may take minutes (RFC 4555 §3.11). Any other
 * finds a dead peer in the time that its policy promises, however many paths there are.
 */
export function isMoving(session: IkeSession, { firstSentAt }: OutstandingRequest): boolean {
  const { movedAt, running } = session;
  const isUpdate = running?.procedure.kind === 'update-addresses';
  return isUpdate || (movedAt !== undefined && movedAt >= firstSentAt);
}

/** Sends the outstanding request again over these paths, bitwise the same. @see RFC 7296 §2.1, RFC 4555 §3.10 */
export function sendOutstandingOver(
  context: EndpointContext,
  session: IkeSession,
  paths: readonly Path[],
  waitMs: number,
): void {
  const [request] = session.requests.outstanding;
  if (!request) return;
  for (const path of paths) repeatRequest(context, session, request, path);
  const patienceMs = isMoving(session, request)
    ? waitMs
    : Math.min(
        waitMs,
        msBetween(context.now, request.dueAt),
        msBetween(context.now, request.overAt),
      );
  session.requests.pace(request.messageId, context.now, patienceMs);
  armRetransmission(context, session);
}
