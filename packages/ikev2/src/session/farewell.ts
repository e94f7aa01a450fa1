import { ExchangeType, ProtocolId } from '@ipsec-kit/ikev2-codec';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from './ike-session.ts';
import { sendOnce } from './send-message.ts';

/** The last chance to tell the peer that an IKE SA ends, when another request still waits for its answer: a DELETE with the
 * next message id, once. It is outside of a window of 1 unless that answer is already on its way, which it mostly is; we
 * take no answer any more, so no request can be overtaken. @see RFC 7296 §2.3, §1.4.1
 */
export function sayFarewell(context: EndpointContext, session: IkeSession): void {
  const { sa, state } = session;
  const last = session.requests.outstanding.at(-1);
  if (!sa || !last || state.kind !== 'established') return;
  const message = { exchangeType: ExchangeType.INFORMATIONAL, messageId: last.messageId + 1 };
  sendOnce(context, session, sa, message, [{ type: 'D', protocol: ProtocolId.IKE, spis: [] }]);
}
