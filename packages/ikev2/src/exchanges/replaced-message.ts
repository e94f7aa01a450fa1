import {
  type DeletePayload,
  ExchangeType,
  NotifyType,
  notify,
  ProtocolId,
} from '@ipsec-kit/ikev2-codec';
import { judge } from '../collisions/own-work.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { checkLiveness } from '../procedures/check-liveness.ts';
import { isHandedOver } from '../reauth/is-handed-over.ts';
import { latestOf } from '../reauth/latest-of.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { OpenedMessage, ReceivedDatagram } from '../session/receive-protected.ts';
import {
  findReplaced,
  forgetReplaced,
  keepReplaced,
  onReplacedDeleted,
} from '../session/replaced-ike-sas.ts';
import { sendResponse } from '../session/send-message.ts';
import { deleteChildren } from './delete-children.ts';

/** A message under an IKE SA that is not (or not yet) the session's own: one that was replaced, or the result of the
 * peer's rekey while ours is still out. Only DELETEs are performed; what would create anything is put off.
 * @see RFC 7296 §2.8.2, §2.25.2
 */
export function onReplacedMessage(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  received: ReceivedDatagram,
  opened: OpenedMessage,
): void {
  const { header, path, marker } = received;
  const entry = findReplaced(session, sa);
  if (header.isResponse) {
    // Our DELETE is answered: nobody has it any more.
    if (sa.requests.acknowledge(header.messageId) && entry) forgetReplaced(context, session, entry);
    return;
  }
  if (opened.error) return;
  const deletes = opened.payloads.filter(
    (payload): payload is DeletePayload => payload.type === 'D',
  );
  const endsIke = deletes.some(({ protocol }) => protocol === ProtocolId.IKE);
  // What the peer asks under the result of its rekey waits until it is known whether that stays: it asks again.
  if (!entry && !endsIke) return;
  sa.responses.begin(header.messageId);
  const via = { path, marker };
  if (header.exchangeType === ExchangeType.CREATE_CHILD_SA) {
    const { answer } = judge(session, sa, 'create-child');
    const refusal =
      answer === 'TEMPORARY_FAILURE' ? NotifyType.TEMPORARY_FAILURE : NotifyType.NO_ADDITIONAL_SAS;
    sendResponse(context, session, sa, header, [notify(refusal)], via);
    return;
  }
  if (header.exchangeType === ExchangeType.IKE_FOLLOWUP_KE) {
    // RFC 9370 §2.2.4: what was begun under it went with it.
    sendResponse(context, session, sa, header, [notify(NotifyType.STATE_NOT_FOUND)], via);
    return;
  }
  if (!endsIke) {
    const deleted = deleteChildren(context, session, sa, deletes);
    sendResponse(context, session, sa, header, deleted, via);
    return;
  }
  sendResponse(context, session, sa, header, [], via);
  if (entry) {
    onReplacedDeleted(context, session, entry);
    return;
  }
  loseRival(session);
  askHeir(context, session);
  keepReplaced(context, session, sa, 'answered');
}

/** Where the peer has opened another IKE SA in the place of this one, it may have ended this one for that: it is asked whether it has
 * the other, and if so what is there is sent on from its answer. What it has replaced may be gone long before our rekey is refused.
 */
function askHeir(context: EndpointContext, session: IkeSession): void {
  const heir = latestOf(session);
  if (heir === session || heir.role !== 'responder' || heir.state.kind !== 'established') return;
  if (!isHandedOver(session)) checkLiveness(context, heir, 'proof');
}

/** The peer deletes the result of its rekey, since it knows all four nonces and has lost; or it has won, and ends the session. Which of
 * the two is known when the answer to ours is. @see RFC 7296 §2.8.2
 */
function loseRival(session: IkeSession): void {
  const { rival, initiation } = session;
  session.rival = undefined;
  if (rival?.kind !== 'ike') return;
  if (initiation?.kind === 'awaiting-ike-response' || initiation?.kind === 'agreeing-ike-key') {
    session.initiation = { ...initiation, deletedRival: rival.lowest };
  }
}
