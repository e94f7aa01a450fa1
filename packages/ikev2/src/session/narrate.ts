import { exchangeTypeName, type IkeHeader, type Payload } from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import { summarizePayloads } from '../payloads/payload-summary.ts';
import type { IkeSession } from './ike-session.ts';

/** A message that arrived and was understood. */
export interface ReceivedMessage {
  readonly header: IkeHeader;
  readonly payloads: readonly Payload[];
  readonly bytes: number;
  readonly path: Path;
  readonly fragments: number;
  readonly retransmission: boolean;
  readonly roundTripMs?: number;
}

/** Tells about a message that a session received. */
export function narrateReceived(
  context: EndpointContext,
  session: IkeSession,
  message: ReceivedMessage,
): void {
  const { header, payloads, bytes, path, fragments, retransmission, roundTripMs } = message;
  raise(context, {
    kind: 'message',
    sessionId: session.id,
    direction: 'received',
    exchange: exchangeTypeName(header.exchangeType),
    messageId: header.messageId,
    isResponse: header.isResponse,
    bytes,
    path,
    payloads: summarizePayloads(payloads),
    ...(roundTripMs === undefined ? {} : { roundTripMs }),
    retransmission,
    fragments,
  });
}
