import { type NotifyPayload, NotifyType, notify } from '@ipsec-kit/ikev2-codec';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { SessionFailure } from '../events.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { limitEnd } from './end-ike-sa.ts';
import { putEnd } from './put-end.ts';
import { runNext } from './run-procedures.ts';

/** Ends an IKE SA with DELETE, before everything else that waits. @see RFC 7296 §1.4.1 */
export function endWithDelete(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): void {
  if (session.state.kind !== 'established') return;
  putEnd(session, failure);
  runNext(context, session);
  // It waits for the answer to another request.
  if (session.queue.some(({ kind }) => kind === 'delete-ike')) limitEnd(context, session);
}

/** Ends an IKE SA whose IKE_AUTH response was wrong, and tells the peer why: the notification alone, without Delete. @see RFC 7296 §2.21.2 */
export function endAfterAuthFailure(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): void {
  session.queue.push({ kind: 'report-auth-failure', notify: notifyOf(failure), failure });
  runNext(context, session);
}

function notifyOf(failure: SessionFailure): NotifyPayload {
  const isKnown =
    failure.notify === NotifyType.INVALID_SYNTAX ||
    failure.notify === NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD;
  return notify(isKnown && failure.notify ? failure.notify : NotifyType.AUTHENTICATION_FAILED);
}
