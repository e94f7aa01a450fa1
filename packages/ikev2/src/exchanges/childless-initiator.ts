import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import { noAddressFromPeer } from '../errors/selector-failures.ts';
import { readConfigReply } from '../negotiate/config-payload.ts';
import { findPayload } from '../payloads/find-payload.ts';
import { endWithDelete } from '../procedures/request-end.ts';
import { enqueue } from '../procedures/run-procedures.ts';
import { livingChildren } from '../reauth/living-children.ts';
import { moveRemaining } from '../reauth/move-remaining.ts';
import { establish } from '../session/establish.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { moveTo, type StateOf } from '../session/session-state.ts';

/** Whether IKE_AUTH leaves the Child SA out. @see RFC 6023 §3 (only when the responder has announced that it can) */
export function beginsChildless({ connection, peerIsChildless, takesOver }: IkeSession): boolean {
  const policy = connection?.childless ?? 'allow';
  // A reauthentication opens nothing that the old IKE SA does not have (any more).
  const hasNone = takesOver !== undefined && livingChildren(takesOver).length === 0;
  return peerIsChildless && (policy === 'prefer' || policy === 'force' || hasNone);
}

/** The peer is authentic, and there is no Child SA yet: the IKE SA stands, and its children follow, each with a
 * CREATE_CHILD_SA of its own. @see RFC 6023 §3, §5
 */
export function openChildless(
  context: EndpointContext,
  session: IkeSession,
  { payloads, offer }: StateOf<'checking-peer-proof'>,
): void {
  const reply = findPayload(payloads, 'CP');
  const given = reply
    ? readConfigReply(reply, session.wantedAddresses)
    : { addresses: [], dns: [] };
  const { wantedAddresses, takesOver } = session;
  moveTo(session, 'checking-peer-proof', { kind: 'established' });
  if (wantedAddresses.length > 0 && given.addresses.length === 0) {
    const failure = noAddressFromPeer(wantedAddresses);
    raise(context, {
      kind: 'child-failed',
      sessionId: session.id,
      name: offer.childName,
      failure,
    });
    endWithDelete(context, session, failure);
    return;
  }
  session.virtualAddresses = given.addresses;
  session.dns = given.dns;
  establish(context, session);
  if (!takesOver) {
    const { firstPacket } = session;
    const procedure = { kind: 'create-child', name: offer.childName, postponements: 0 } as const;
    enqueue(context, session, firstPacket ? { ...procedure, packet: firstPacket } : procedure);
  }
  moveRemaining(context, session);
}
