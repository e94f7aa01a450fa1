import {
  findNotify,
  type NotifyPayload,
  NotifyType,
  notify,
  type Payload,
  ProtocolId,
} from '@ipsec-kit/ikev2-codec';
import { readChildSpi } from '../child/child-offer.ts';
import type { ChildSa } from '../child/child-sa.ts';
import { judge } from '../collisions/own-work.ts';
import type { PeerRequest } from '../collisions/table.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { ProtocolError } from '../errors/wire-answer.ts';
import { findPayload, readNonce } from '../payloads/find-payload.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { answerChildRequest } from './answer-child-request.ts';
import type { OpenRequest } from './create-child-parts.ts';
import { respond } from './create-child-respond.ts';
import { answerIkeRekey } from './rekey-ike-responder.ts';

/** A CREATE_CHILD_SA request: what it asks for, what the table of collisions says to that now, and the answer.
 * @returns an error when it cannot be understood, which is fatal to the IKE SA.
 * @see RFC 7296 §1.3, §2.25
 */
export function onCreateChildRequest(
  context: EndpointContext,
  session: IkeSession,
  request: OpenRequest,
  payloads: readonly Payload[],
): ProtocolError | undefined {
  const offer = findPayload(payloads, 'SA');
  const nonce = readNonce(payloads);
  if (!offer) return { code: 'missing-payload', payload: 'SA' };
  if (!nonce) return { code: 'missing-payload', payload: 'Nonce' };
  const rekey = findNotify(payloads, NotifyType.REKEY_SA);
  const target = rekey && namedChild(session, rekey);
  const kind = kindOf(offer.proposals[0]?.protocol, rekey, target);
  const { answer } = judge(session, request.sa, kind, target);
  switch (answer) {
    case 'TEMPORARY_FAILURE':
      respond(context, session, request, [notify(NotifyType.TEMPORARY_FAILURE)]);
      return undefined;
    case 'CHILD_SA_NOT_FOUND':
      // RFC 7296 §2.25: the SPI is that of the REKEY_SA.
      if (rekey) respond(context, session, request, [notFound(rekey)]);
      return undefined;
    case 'as-usual':
    case 'without-delete':
      return kind === 'rekey-ike'
        ? answerIkeRekey(context, session, request, payloads, nonce)
        : answerChildRequest(context, session, request, payloads, nonce, target);
    default:
      return unreachable(answer);
  }
}

function kindOf(
  protocol: number | undefined,
  rekey: NotifyPayload | undefined,
  target: ChildSa | undefined,
): PeerRequest {
  if (protocol === ProtocolId.IKE) return 'rekey-ike';
  if (!rekey) return 'create-child';
  return target ? 'rekey-child' : 'rekey-missing-child';
}

/** The Child SA that the peer names by its inbound SPI, which is our outbound one. @see RFC 7296 §1.3.3 */
function namedChild(session: IkeSession, rekey: NotifyPayload): ChildSa | undefined {
  const spi = readChildSpi(rekey.spi);
  if (spi === undefined || rekey.protocol !== ProtocolId.ESP) return undefined;
  for (const child of session.children.values()) if (child.outboundSpi === spi) return child;
  return undefined;
}

function notFound({ protocol, spi }: NotifyPayload): NotifyPayload {
  return notify(NotifyType.CHILD_SA_NOT_FOUND, new Uint8Array(0), { protocol, spi });
}

function unreachable(answer: never): never {
  throw new Error(`unhandled answer ${String(answer)}`);
}
