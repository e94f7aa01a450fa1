import { addMs } from '@ipsec-kit/clock';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { LIFETIME_OVER } from '../errors/failures.ts';
import { endWithDelete } from '../procedures/request-end.ts';
import { enqueue } from '../procedures/run-procedures.ts';
import { REPLACEMENT_GRACE_MS } from './child-lifetime.ts';
import { setIkeEnd } from './ike-lifetime.ts';
import type { IkeSession } from './ike-session.ts';

/** Message ids that are left when the IKE SA is replaced: enough for many more attempts. @see RFC 7296 §2.2 */
const FEW_MESSAGE_IDS = 2 ** 20;

/** Has the IKE SA replaced, unless that is under way; its end waits for the replacement. */
export function rekeyIke(context: EndpointContext, session: IkeSession): void {
  const { state, queue, running, expiresAt } = session;
  if (state.kind !== 'established' || session.isClosing) return;
  const isUnderWay =
    running?.procedure.kind === 'rekey-ike' || queue.some(({ kind }) => kind === 'rekey-ike');
  if (isUnderWay) return;
  const earliest = addMs(context.now, REPLACEMENT_GRACE_MS);
  if (expiresAt !== undefined && expiresAt < earliest && !session.isEndPutOff) {
    session.isEndPutOff = true;
    setIkeEnd(context, session, earliest);
  }
  enqueue(context, session, { kind: 'rekey-ike' });
}

/** The hard end has come and no replacement: the IKE SA is deleted, and the connection says whether it opens anew. */
export function onIkeOver(context: EndpointContext, session: IkeSession): void {
  endWithDelete(context, session, LIFETIME_OVER);
}

/** Replaces the IKE SA long before its message ids run out, in either direction. @see RFC 7296 §2.2 */
export function watchMessageIds(context: EndpointContext, session: IkeSession): void {
  const { sa } = session;
  if (!sa) return;
  const used = sa.responses.expectedMessageId;
  if (sa.requests.remainingMessageIds > FEW_MESSAGE_IDS && used < 2 ** 32 - FEW_MESSAGE_IDS) return;
  rekeyIke(context, session);
}
