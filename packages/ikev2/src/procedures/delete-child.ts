import { type Payload, ProtocolId } from '@ipsec-kit/ikev2-codec';
import { spiBytes } from '../child/child-offer.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { retireOrRemove } from '../session/let-go-of-child.ts';
import type { Procedure } from './procedure.ts';

type DeleteChild = Extract<Procedure, { readonly kind: 'delete-child' }>;

/** Names our inbound SPI: the peer knows the pair by it. `undefined` when the child is gone already. @see RFC 7296 §1.4.1, §3.11 */
export function deleteChildRequest(
  session: IkeSession,
  procedure: DeleteChild,
): readonly Payload[] | undefined {
  const child = session.children.get(procedure.childId);
  if (!child) return undefined;
  child.deleting = procedure.reason;
  child.isDeleteSent = true;
  return [{ type: 'D', protocol: ProtocolId.ESP, spis: [spiBytes(child.inboundSpi)] }];
}

/** The peer has closed its half, whether or not it named it: both sides may have begun at once. @see RFC 7296 §1.4.1 */
export function onChildDeleted(
  context: EndpointContext,
  session: IkeSession,
  procedure: DeleteChild,
): void {
  const child = session.children.get(procedure.childId);
  if (child) retireOrRemove(context, session, child, procedure.reason);
}

/** DELETE of a Child SA that never came to be here: the peer knows it by the SPI that we offered. */
export function withdrawChildRequest(
  procedure: Extract<Procedure, { readonly kind: 'withdraw-child' }>,
): readonly Payload[] {
  return [{ type: 'D', protocol: ProtocolId.ESP, spis: [spiBytes(procedure.inboundSpi)] }];
}
