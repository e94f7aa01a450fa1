import { ExchangeType, ProtocolId } from '@ipsec-kit/ikev2-codec';
import { MAX_MESSAGE_ID } from '@ipsec-kit/retransmit';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSa } from './ike-sa.ts';
import type { IkeSession } from './ike-session.ts';
import { sendOnce } from './send-message.ts';
import type { StateKind } from './states.ts';

/** States in which the peer may have the IKE SA, and has not been told of its end. */
const UNTOLD: ReadonlySet<StateKind> = new Set([
  'awaiting-auth-response',
  'checking-peer-proof',
  'making-eap-response',
  'installing-first-child',
  'established',
]);

/** The last chance to tell the peer that an IKE SA ends, when another exchange is not over: a DELETE with the next message
 * id, once. While a request waits for its answer it is outside of a window of 1, unless that answer is already on its way,
 * which it mostly is; we take no answer any more, so no request can be overtaken. @see RFC 7296 §2.3, §1.4.1
 */
export function sayFarewell(context: EndpointContext, session: IkeSession): void {
  const { sa, state } = session;
  const messageId = sa && UNTOLD.has(state.kind) ? nextMessageId(sa) : undefined;
  if (!sa || messageId === undefined) return;
  const message = { exchangeType: ExchangeType.INFORMATIONAL, messageId };
  sendOnce(context, session, sa, message, [{ type: 'D', protocol: ProtocolId.IKE, spis: [] }]);
}

function nextMessageId({ requests }: IkeSa): number | undefined {
  const last = requests.outstanding.at(-1);
  if (last) return last.messageId < MAX_MESSAGE_ID ? last.messageId + 1 : undefined;
  const permission = requests.permission();
  return permission.ok ? permission.messageId : undefined;
}
