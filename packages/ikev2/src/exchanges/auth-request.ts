import type { IdPayload } from '@ipsec-kit/ikev2-codec';
import { NotifyType, notify, type Payload } from '@ipsec-kit/ikev2-codec';
import { type ChildOffer, childOfferPayloads } from '../child/child-offer.ts';
import type { ConnectionConfig } from '../config.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { mobikeNotifies } from '../mobike/begin-mobike.ts';
import { configRequest } from '../negotiate/config-payload.ts';
import { certificateRequests } from '../proof/peer-wishes.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { StateKind } from '../session/states.ts';

/** States from which the peer may hold the other one for authenticated, whether or not we know. */
const MAY_STAND: ReadonlySet<StateKind> = new Set<StateKind>([
  'awaiting-auth-response',
  'checking-peer-proof',
  'making-eap-response',
  'installing-first-child',
  'leasing-addresses',
  'installing-response-child',
  'established',
]);

/** The payloads of the IKE_AUTH request: IDi, [CERT,] [CERTREQ,] [IDr,] AUTH, [CP,] SA, TSi, TSr and notifications. @see RFC 7296 §1.2, §2.19 */
export function authRequestPayloads(
  context: EndpointContext,
  session: IkeSession,
  connection: ConnectionConfig,
  idi: IdPayload,
  proof: readonly Payload[],
  child: ChildOffer | undefined,
): Payload[] {
  const payloads: Payload[] = [idi, ...proof.filter(({ type }) => type !== 'AUTH')];
  payloads.push(...certificateRequests([connection]));
  if (connection.remoteIdentity.kind === 'identity') {
    payloads.push({ type: 'IDr', ...connection.remoteIdentity.identity });
  }
  payloads.push(...proof.filter(({ type }) => type === 'AUTH'));
  const request = configRequest(session.wantedAddresses);
  if (request) payloads.push(request);
  if (child) payloads.push(...childOfferPayloads(child));
  // RFC 7296 §2.4: only when this is the only IKE SA between the two identities.
  const isFirst = !session.takesOver && !hasOther(context, session, connection);
  if (connection.sendInitialContact && isFirst) {
    payloads.push(notify(NotifyType.INITIAL_CONTACT));
  }
  // RFC 5998 §3: only where the responder need not prove itself in another way.
  if (connection.remoteAuthentication?.kind === 'eap') {
    payloads.push(notify(NotifyType.EAP_ONLY_AUTHENTICATION));
  }
  if (connection.mobike) payloads.push(...mobikeNotifies(context, session));
  return payloads;
}

function hasOther(
  context: EndpointContext,
  session: IkeSession,
  connection: ConnectionConfig,
): boolean {
  for (const other of context.sessions.values()) {
    if (other === session || other.connection !== connection) continue;
    if (MAY_STAND.has(other.state.kind)) return true;
  }
  return false;
}
