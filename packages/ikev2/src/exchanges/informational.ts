import {
  type DeletePayload,
  ExchangeType,
  NotifyType,
  type Payload,
  ProtocolId,
} from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import { activateChild } from '../child/activate-child.ts';
import { readChildSpi, spiBytes } from '../child/child-offer.ts';
import type { ChildSa } from '../child/child-sa.ts';
import { announceReplacement, armChildLifetime } from '../child/install-child.ts';
import { judge } from '../collisions/own-work.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { DELETED_BY_PEER, otherNotify, peerRejectedAuthentication } from '../errors/failures.ts';
import type { SessionFailure } from '../events.ts';
import { natDetectionNotifies } from '../nat/nat-detection.ts';
import { findErrorNotify, notifiesOf } from '../payloads/find-payload.ts';
import { newPathCheck } from '../procedures/path-check.ts';
import { enqueue } from '../procedures/run-procedures.ts';
import { endSession, retireOrRemove } from '../session/close-session.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { moveIke } from '../session/move-path.ts';
import { sendResponse } from '../session/send-message.ts';

/** Answers an INFORMATIONAL request: DELETE, address changes, error reports, or nothing, which is a liveness check.
 * It is answered always, whatever it holds. @see RFC 7296 §1.4, §1.4.1, §2.4
 */
export function onInformationalRequest(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  messageId: number,
  payloads: readonly Payload[],
  via: { readonly path: Path; readonly marker: boolean },
): void {
  const request = { exchangeType: ExchangeType.INFORMATIONAL, messageId };
  const deletes = payloads.filter((payload): payload is DeletePayload => payload.type === 'D');
  const ending = endedByPeer(session, payloads, deletes);
  if (ending) {
    // RFC 7296 §1.4.1: the response to a request that deletes the IKE SA is empty.
    sendResponse(context, session, sa, request, [], via);
    // Both sides may close at once: then our own reason stands.
    const { state } = session;
    endSession(context, session, state.kind === 'ending' ? state.failure : ending, true);
    return;
  }
  const answers: Payload[] = [];
  const deleted = deleteChildren(context, session, sa, deletes);
  if (deleted.length > 0) answers.push({ type: 'D', protocol: ProtocolId.ESP, spis: deleted });
  const addresses = followAddresses(context, session, sa, messageId, payloads, via);
  answers.push(...addresses.answers);
  sendResponse(context, session, sa, request, answers, via);
  if (addresses.moved) enqueue(context, session, newPathCheck(context, session));
}

/** Why the peer ends the IKE SA with this request, if it does. */
function endedByPeer(
  session: IkeSession,
  payloads: readonly Payload[],
  deletes: readonly DeletePayload[],
): SessionFailure | undefined {
  if (deletes.some(({ protocol }) => protocol === ProtocolId.IKE)) return DELETED_BY_PEER;
  const error = findErrorNotify(payloads);
  switch (error?.notify) {
    // RFC 7296 §2.21.2: the three that end the IKE SA without a Delete payload, in the exchange after IKE_AUTH.
    case NotifyType.AUTHENTICATION_FAILED:
      return peerRejectedAuthentication(session.localIdentity, 'this connection');
    case NotifyType.INVALID_SYNTAX:
    case NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD:
      return otherNotify(error.notify, 'our last message');
    default:
      return undefined;
  }
}

/** Closes the Child SAs that the peer names by its inbound SPIs, which are our outbound ones. One that was replaced still
 * receives for a while, and what has replaced it is in use from now on.
 * @returns our inbound SPIs of those pairs, but for those that we are deleting ourselves: both requests crossed, and each
 * response leaves them out.
 * @see RFC 7296 §1.4.1, §2.8, §2.25.1
 */
function deleteChildren(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  deletes: readonly DeletePayload[],
): Uint8Array[] {
  const named = new Set<number>();
  for (const { protocol, spis } of deletes) {
    if (protocol !== ProtocolId.ESP) continue;
    for (const spi of spis) named.add(readChildSpi(spi) ?? 0);
  }
  const answers: Uint8Array[] = [];
  for (const child of [...session.children.values()]) {
    if (!named.has(child.outboundSpi)) continue;
    const { answer, effect } = judge(session, sa, 'delete-child', child);
    if (answer === 'as-usual') answers.push(spiBytes(child.inboundSpi));
    if (effect === 'keep-replacement') handOver(context, session, child);
    retireOrRemove(context, session, child, child.deleting ?? 'the peer deleted it');
  }
  armChildLifetime(context, session);
  return answers;
}

/** The peer has deleted what it replaced: it has the replacement, so that we may use it. */
function handOver(context: EndpointContext, session: IkeSession, child: ChildSa): void {
  const successor =
    child.replacedBy === undefined ? undefined : session.children.get(child.replacedBy);
  if (!successor) return;
  activateChild(context, session, successor);
  announceReplacement(context, session, child, successor, 'peer');
}

/** MOBIKE, where both sides have announced it: moves the IKE SA, and asks whether the peer really is there before the
 * Child SAs follow. @see RFC 4555 §3.5, §3.6, §3.7, §3.8
 */
function followAddresses(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  messageId: number,
  payloads: readonly Payload[],
  via: { readonly path: Path; readonly marker: boolean },
): { readonly answers: readonly Payload[]; readonly moved: boolean } {
  const notifies = notifiesOf(payloads);
  const decision = session.addressUpdates?.handle({
    messageId,
    path: via.path,
    notifies,
    natTraversal: true,
  });
  if (!decision) return { answers: [], moved: false };
  const answers: Payload[] = [...decision.response];
  if (decision.includeNatDetection) {
    answers.push(...natDetectionNotifies(context.crypto, sa, via.path));
  }
  const target = decision.kind === 'applied' ? decision.moveTo : undefined;
  return { answers, moved: target !== undefined && moveIke(context, session, target, via.marker) };
}
