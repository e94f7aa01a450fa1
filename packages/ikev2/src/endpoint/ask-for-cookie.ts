import { findNotify, type IkeMessage, NotifyType } from '@ipsec-kit/ikev2-codec';
import { findPayload } from '../payloads/find-payload.ts';
import type { EndpointContext } from './endpoint-context.ts';
import { type RejectedMessage, reject, sendUnprotected } from './unprotected-answers.ts';

/** Whether an IKE_SA_INIT request brings a cookie of ours, which shows that its sender receives where it came from; asks for one
 * when it does not. The answer is smaller than any request that has a nonce, and no state is kept. @see RFC 7296 §2.6
 * @param why - for our own log: why one is wanted.
 */
export function hasCookie(
  context: EndpointContext,
  received: RejectedMessage,
  message: IkeMessage,
  why: string,
): boolean {
  const { cookies, now } = context;
  const { path, header } = received;
  const nonce = findPayload(message.payloads, 'Nonce');
  if (!nonce) return false;
  const spi = header.initiatorSpi;
  const cookie = findNotify(message.payloads, NotifyType.COOKIE);
  if (cookie && cookies.accepts(cookie.data, now, path, spi, nonce.data)) return true;
  const bytes = cookies.bake(now, path, spi, nonce.data);
  const isSent = sendUnprotected(context, received, NotifyType.COOKIE, bytes);
  const reason = `IKE_SA_INIT request without a valid cookie ${why}`;
  reject(context, path, reason, isSent ? 'COOKIE' : undefined);
  return false;
}
