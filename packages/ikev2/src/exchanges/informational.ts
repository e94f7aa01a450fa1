import {
  type DeletePayload,
  ExchangeType,
  NotifyType,
  type Payload,
  ProtocolId,
} from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import { judge } from '../collisions/own-work.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { peerRejectedAuthentication } from '../errors/authentication-failures.ts';
import { DELETED_BY_PEER } from '../errors/endings.ts';
import { otherNotify } from '../errors/failures.ts';
import type { SessionFailure } from '../events.ts';
import { onPeerAddresses, onPeerMoved } from '../mobike/peer-moves.ts';
import { natDetectionNotifies, readNatDetection } from '../nat/nat-detection.ts';
import { hasAdditional } from '../negotiate/additional-key-exchanges.ts';
import { findErrorNotify, notifiesOf } from '../payloads/find-payload.ts';
import { answerLate } from '../reauth/answer-late.ts';
import { readAuthLifetime } from '../reauth/auth-lifetime.ts';
import { armForPeer } from '../reauth/reauth-timer.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { moveIke } from '../session/move-path.ts';
import { sendResponse } from '../session/send-message.ts';
import { adoptIkeSa } from './adopt-ike-sa.ts';
import { isMade } from './create-child-state.ts';
import { deleteChildren } from './delete-children.ts';

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
    const { effect } = judge(session, sa, 'delete-ike');
    const isReplaced =
      effect === 'keep-replacement' && ending === DELETED_BY_PEER && hasNextIkeSa(session);
    const late = { sa, messageId, via, failure: ending };
    // The end of an IKE SA that both sides have rekeyed is not the end of what a reauthentication has left behind.
    if (ending === DELETED_BY_PEER && !isReplaced && answerLate(context, session, late)) return;
    // RFC 7296 §1.4.1: the response to a request that deletes the IKE SA is empty.
    sendResponse(context, session, sa, request, [], via);
    if (isReplaced) {
      keepNextIkeSa(context, session);
      return;
    }
    // Both sides may close at once: then our own reason stands.
    const { state } = session;
    endSession(context, session, state.kind === 'ending' ? state.failure : ending, true);
    return;
  }
  const answers: Payload[] = [];
  answers.push(...deleteChildren(context, session, sa, deletes));
  const before = session.path;
  const addresses = followAddresses(context, session, sa, messageId, payloads, via);
  answers.push(...addresses.answers);
  // First, since the response must leave room for the question whether the peer is there.
  if (addresses.isListed) onPeerAddresses(context, session);
  sendResponse(context, session, sa, request, answers, via);
  if (readAuthLifetime(context, session, payloads)) armForPeer(context, session);
  if (addresses.movedTo) onPeerMoved(context, session, addresses.movedTo, before);
}

/** Whether there is another IKE SA to go by, or one to be made without further exchanges. */
function hasNextIkeSa({ rival, initiation }: IkeSession): boolean {
  if (rival?.kind === 'ike' && !isMade(rival)) return false;
  const isFollowed = initiation?.kind === 'agreeing-ike-key' && hasAdditional(initiation.proposal);
  return !isFollowed;
}

/** The peer deletes the IKE SA that both sides replace: it has not seen our request for that, and goes by its own; or it
 * has answered ours, which is still being worked on. @see RFC 7296 §2.8.2
 */
function keepNextIkeSa(context: EndpointContext, session: IkeSession): void {
  const { rival, initiation } = session;
  if (initiation?.kind === 'agreeing-ike-key') {
    session.initiation = { ...initiation, isOldDeleted: true };
  } else if (rival?.kind === 'ike' && rival.sa) {
    adoptIkeSa(context, session, rival.sa, 'peer', 'answered');
  }
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
      return peerRejectedAuthentication({
        local: session.localIdentity,
        connection: session.connection,
      });
    case NotifyType.INVALID_SYNTAX:
    case NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD:
      return otherNotify(error.notify, 'our last message');
    default:
      return undefined;
  }
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
): {
  readonly answers: readonly Payload[];
  readonly isListed: boolean;
  readonly movedTo?: Path | undefined;
} {
  const notifies = notifiesOf(payloads);
  const decision = session.addressUpdates?.handle({
    // The newest counts, and message ids begin anew with every IKE SA.
    messageId: session.generation * 2 ** 32 + messageId,
    path: via.path,
    notifies,
    natTraversal: true,
  });
  if (!decision) return { answers: [], isListed: false };
  const answers: Payload[] = [...decision.response];
  if (decision.includeNatDetection) {
    answers.push(...natDetectionNotifies(context.crypto, sa, via.path));
  }
  const target = decision.kind === 'applied' ? decision.moveTo : undefined;
  // Whether a NAT is in between has changed with the path. RFC 4555 §3.5, §3.8
  const nat = target && readNatDetection(context.crypto, sa, target, payloads);
  if (nat) session.nat = nat;
  if (target) moveIke(context, session, target, via.marker);
  const isListed = decision.kind === 'applied' && decision.list.kind === 'replaced';
  return { answers, isListed, movedTo: target };
}
