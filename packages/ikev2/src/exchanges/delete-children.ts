import { type DeletePayload, ProtocolId } from '@ipsec-kit/ikev2-codec';
import { armChildLifetime } from '../child/arm-child-lifetime.ts';
import { readChildSpi, spiBytes } from '../child/child-offer.ts';
import { judge } from '../collisions/own-work.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { lostChildAction, reopenChild } from '../loss/lost-child.ts';
import { dropMove } from '../reauth/drop-move.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { closeOutbound, retireOrRemove } from '../session/let-go-of-child.ts';

/** Most SPIs that are remembered while one request of ours is out. */
const MAX_EARLY = 64;

/** Closes the Child SAs that the peer names by its inbound SPIs, which are our outbound ones. One that was replaced still
 * receives for a while, and what has replaced it is in use from now on.
 * @returns the Delete payload of the response, with our inbound SPIs of those pairs, but for those that we are deleting
 * ourselves: both requests crossed, and each response leaves them out. Empty when there is nothing to say.
 * @see RFC 7296 §1.4.1, §2.8, §2.25.1
 */
export function deleteChildren(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  deletes: readonly DeletePayload[],
): DeletePayload[] {
  const named = new Set<number>();
  for (const { protocol, spis } of deletes) {
    if (protocol !== ProtocolId.ESP) continue;
    for (const spi of spis) named.add(readChildSpi(spi) ?? 0);
  }
  const answers: Uint8Array[] = [];
  for (const child of [...session.children.values()]) {
    if (!named.delete(child.outboundSpi)) continue;
    const { answer } = judge(session, sa, 'delete-child', child);
    if (answer === 'as-usual') answers.push(spiBytes(child.inboundSpi));
    else if (closeOutbound(context, session, child)) continue;
    dropMove(session, child);
    const action = lostChildAction(session, child);
    retireOrRemove(context, session, child, child.deleting ?? 'the peer deleted it', action);
    if (action === 'start') reopenChild(context, session, child.config.name);
  }
  armChildLifetime(context, session);
  rememberEarly(session, named);
  return answers.length > 0 ? [{ type: 'D', protocol: ProtocolId.ESP, spis: answers }] : [];
}

/** The peer may delete what it has just answered us with, and the answer is lost or late.
 * @param spis - as the peer names them.
 */
function rememberEarly(session: IkeSession, spis: Iterable<number>): void {
  const { initiation, deletedEarly } = session;
  if (!initiation || !('inboundSpi' in initiation.attempt)) return;
  for (const spi of spis) if (deletedEarly.size < MAX_EARLY) deletedEarly.add(spi);
}
