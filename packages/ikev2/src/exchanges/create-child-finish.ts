import type { KeyMaterial } from '@ipsec-kit/crypto';
import { acceptChild } from '../child/accept-child.ts';
import { isPassedOver } from '../child/activate-child.ts';
import { armChildLifetime } from '../child/arm-child-lifetime.ts';
import { requestInstallation } from '../child/install-child.ts';
import type { NegotiatedChild } from '../child/negotiated-child.ts';
import { compareNonces, lowerNonce } from '../collisions/lowest-nonce.ts';
import { LATE, retryMoment } from '../collisions/retry-pause.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { describeProposals } from '../errors/describe-offer.ts';
import { malformedFromPeer } from '../errors/failures.ts';
import { inconsistentAnswer } from '../errors/offer-failures.ts';
import { narrowedRekey } from '../errors/selector-failures.ts';
import { eraseChildKeys } from '../keys/child-keys.ts';
import { isConsistentAnswer } from '../negotiate/proposals.ts';
import { isNarrower } from '../negotiate/selectors.ts';
import { findPayload, readNonce } from '../payloads/find-payload.ts';
import { asReplacement } from '../reauth/reauth-child.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { ChildAttempt } from './create-child-parts.ts';
import { endChildAttempt, failChildAttempt, onDeletedEarly } from './create-child-refused.ts';
import { beginSeries, readLink } from './follow-up-initiator.ts';
import type { Accepted } from './follow-up-state.ts';

/** A Child SA that the peer has accepted in CREATE_CHILD_SA. */
export type AcceptedChild = Omit<Extract<Accepted, { readonly kind: 'child' }>, 'kind'>;

/** Goes on to the additional key exchanges; or stops there, when the peer's rekey of the same Child SA is the one that stays.
 * @see RFC 9370 §2.2.4, RFC 7296 §2.8.1
 */
export function goOnWithChild(
  context: EndpointContext,
  session: IkeSession,
  accepted: AcceptedChild,
  methods: readonly number[],
  first: KeyMaterial,
): void {
  const { attempt, nonce, payloads } = accepted;
  const { offer, rekeys } = attempt;
  const proposals = findPayload(payloads, 'SA')?.proposals ?? [];
  const responderNonce = readNonce(payloads);
  if (!responderNonce || !isConsistentAnswer(proposals, offer.proposals)) {
    first.erase();
    const [chosen, offered] = [proposals, offer.proposals].map(describeProposals);
    const failure = inconsistentAnswer(chosen ?? '', offered ?? '');
    failChildAttempt(context, session, attempt, failure, retryMoment(context, LATE));
  } else if (losesAgainstRival(session, rekeys, lowerNonce(nonce, responderNonce))) {
    first.erase();
    endChildAttempt(context, session, attempt);
    retryIfStillThere(context, session, rekeys);
  } else {
    const link = readLink(payloads);
    beginSeries(context, session, { kind: 'child', ...accepted }, methods, first, link);
  }
}

/** The peer may leave its series: then it is our turn again. */
function retryIfStillThere(
  context: EndpointContext,
  session: IkeSession,
  rekeys: number | undefined,
): void {
  const old = rekeys === undefined ? undefined : session.children.get(rekeys);
  if (!old || old.replacedBy !== undefined) return;
  old.softAt = retryMoment(context, LATE);
  armChildLifetime(context, session);
}

/** Keys the Child SA and has it installed. When both sides have replaced the same one, the four nonces say whose stays;
 * the other still receives, until it is deleted. @see RFC 7296 §2.8.1
 */
export function finishChild(
  context: EndpointContext,
  session: IkeSession,
  { attempt, nonce, payloads }: AcceptedChild,
  secrets: readonly KeyMaterial[],
): void {
  const { sa } = session;
  const { connection, offer, inboundSpi, rekeys, old } = attempt;
  const responderNonce = readNonce(payloads);
  if (!sa || !responderNonce) {
    const failure = malformedFromPeer('answer for the Child SA', 'it has no valid nonce');
    failAccepted(context, session, attempt, failure);
    return;
  }
  const nonces = { initiatorNonce: nonce, responderNonce };
  const result = acceptChild(context, sa, connection, offer, inboundSpi, nonces, payloads, secrets);
  if (!result.ok) {
    failAccepted(context, session, attempt, result.failure);
    return;
  }
  const { localSelectors: local, remoteSelectors: remote } = result.child;
  // RFC 7296 §2.9.2: a responder MUST NOT narrow what is in use; what the old one carries would be dropped.
  if (rekeys !== undefined && isNarrower({ local, remote }, offer)) {
    eraseChildKeys(result.child.inboundKeys, result.child.outboundKeys);
    failAccepted(context, session, attempt, narrowedRekey(local, remote));
    return;
  }
  if (session.deletedEarly.has(result.child.outboundSpi)) {
    onDeletedEarly(context, session, attempt);
    return;
  }
  const lowest = lowerNonce(nonce, responderNonce);
  const isRedundant = losesAgainstRival(session, rekeys, lowest);
  const child = old
    ? {
        ...result.child,
        replaces: old.id,
        rekeyed: old,
        isRedundant,
        isPassedOver: isPassedOver(context, old),
      }
    : asMoved(session, attempt, result.child);
  const requestId = requestInstallation(context, session, child);
  session.initiation = { kind: 'installing-child', requestId, attempt, child, lowest };
}

/** What a reauthentication moves takes the place of what it moves; what was wished for stands beside it. */
function asMoved(
  session: IkeSession,
  { moves }: ChildAttempt,
  child: NegotiatedChild,
): NegotiatedChild {
  if (moves) return asReplacement(session, { ...child, moves }, 'local');
  return { ...child, isPassedOver: session.running?.movedTo !== undefined };
}

/** Whether our replacement of a Child SA has the lowest of the four nonces. It has so for good: by the time that a late
 * answer comes, the peer's may itself have been replaced, or be closed. @see RFC 7296 §2.8.1
 */
function losesAgainstRival(
  { rival }: IkeSession,
  rekeys: number | undefined,
  lowest: Uint8Array,
): boolean {
  if (rival?.kind !== 'child' || rival.oldChildId !== rekeys) return false;
  return compareNonces(lowest, rival.lowest) < 0;
}

/** The peer has the Child SA, we cannot have it: it is deleted there. */
export function failAccepted(
  context: EndpointContext,
  session: IkeSession,
  attempt: ChildAttempt,
  failure: Parameters<typeof failChildAttempt>[3],
): void {
  session.queue.unshift({ kind: 'withdraw-child', inboundSpi: attempt.inboundSpi });
  // Asked the same again, it would mostly answer the same.
  failChildAttempt(context, session, attempt, failure, retryMoment(context, LATE));
}
