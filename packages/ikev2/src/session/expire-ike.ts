import { addMs, msBetween } from '@ipsec-kit/clock';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { enqueue } from '../procedures/run-procedures.ts';
import { onReauthOver } from '../reauth/start-reauth.ts';
import { REPLACEMENT_GRACE_MS } from './child-lifetime.ts';
import { setIkeEnd } from './ike-lifetime.ts';
import type { IkeSession } from './ike-session.ts';
import { LATE_WAKE_MS } from './late-wake.ts';

/** Message ids that are left when the IKE SA is replaced: enough for many more attempts. @see RFC 7296 §2.2 */
const FEW_MESSAGE_IDS = 2 ** 20;

/** The soft lifetime is over. After a late wake the hard one may be over as well: the end waits for the replacement then,
 * unless it is so long past that the peer has ended the IKE SA too; another is opened in its place at once.
 */
export function onIkeSoft(context: EndpointContext, session: IkeSession): void {
  const { rekeyAt, expiresAt } = session;
  const lateMs = rekeyAt === undefined ? 0 : msBetween(rekeyAt, context.now);
  if (expiresAt !== undefined && msBetween(expiresAt, context.now) > REPLACEMENT_GRACE_MS) {
    onIkeOver(context, session);
    return;
  }
  const earliest = addMs(context.now, REPLACEMENT_GRACE_MS);
  const isShort = expiresAt !== undefined && expiresAt < earliest;
  if (lateMs > LATE_WAKE_MS && isShort && !session.isEndPutOff) {
    session.isEndPutOff = true;
    setIkeEnd(context, session, earliest);
  }
  rekeyIke(context, session);
}

/** Has the IKE SA replaced, unless that is under way. */
export function rekeyIke(context: EndpointContext, session: IkeSession): void {
  const { state, queue, running } = session;
  if (state.kind !== 'established' || session.isClosing) return;
  const isUnderWay =
    running?.procedure.kind === 'rekey-ike' || queue.some(({ kind }) => kind === 'rekey-ike');
  if (!isUnderWay) enqueue(context, session, { kind: 'rekey-ike' });
}

/** The hard end has come and no replacement: the IKE SA is deleted, and the side that opened it opens another first.
 * @see RFC 7296 §2.8
 */
export function onIkeOver(context: EndpointContext, session: IkeSession): void {
  onReauthOver(context, session);
}

/** Replaces the IKE SA long before its message ids run out, in either direction. @see RFC 7296 §2.2 */
export function watchMessageIds(context: EndpointContext, session: IkeSession): void {
  const { sa, ikeRetryAt } = session;
  if (!sa || (ikeRetryAt !== undefined && context.now < ikeRetryAt)) return;
  const used = sa.responses.expectedMessageId;
  if (sa.requests.remainingMessageIds > FEW_MESSAGE_IDS && used < 2 ** 32 - FEW_MESSAGE_IDS) return;
  rekeyIke(context, session);
}
