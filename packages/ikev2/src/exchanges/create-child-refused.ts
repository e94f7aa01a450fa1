import { type Instant, msBetween } from '@ipsec-kit/clock';
import { type NotifyPayload, NotifyType, notifyUint16 } from '@ipsec-kit/ikev2-codec';
import { refusalOf } from '../child/accept-child.ts';
import { armChildLifetime } from '../child/arm-child-lifetime.ts';
import type { ChildSa } from '../child/child-sa.ts';
import { LATE, MAX_POSTPONEMENTS, retryMoment } from '../collisions/retry-pause.ts';
import { REFUSALS } from '../collisions/table.ts';
import {
  type EndpointContext,
  raise,
  releaseChildSpi,
  setTimer,
} from '../endpoint/endpoint-context.ts';
import { CHILD_DELETED_EARLY } from '../errors/endings.ts';
import { outOfStep } from '../errors/failures.ts';
import { keyExchangeRefused } from '../errors/offer-failures.ts';
import type { SessionFailure } from '../events.ts';
import { methodsOf } from '../negotiate/proposals.ts';
import { isWithinOffer } from '../negotiate/selectors.ts';
import { putEnd } from '../procedures/put-end.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { retireOrRemove } from '../session/let-go-of-child.ts';
import { isBehind } from '../session/shown-session.ts';
import type { ChildAttempt } from './create-child-parts.ts';
import { eraseSeries } from './drop-exchanges.ts';

/** What is left at least of the life of a Child SA when its replacement is asked for again after a pause of that length or
 * longer: time for two retransmissions. After a shorter pause it is the pause.
 */
const ANSWER_PATIENCE_MS = 12_000;

/** The row of {@link REFUSALS} that an error belongs to. */
export function refusalName(notify: number): keyof typeof REFUSALS {
  switch (notify) {
    case NotifyType.TEMPORARY_FAILURE:
    // RFC 9370 §2.2.4: the series may be begun anew, and after several times the IKE SA is deleted.
    case NotifyType.STATE_NOT_FOUND:
      return 'TEMPORARY_FAILURE';
    case NotifyType.CHILD_SA_NOT_FOUND:
      return 'CHILD_SA_NOT_FOUND';
    case NotifyType.INVALID_KE_PAYLOAD:
      return 'INVALID_KE_PAYLOAD';
    default:
      return 'other';
  }
}

/** The peer has refused a Child SA: does what the table says.
 * @returns the attempt to make at once, with another key exchange; `undefined` when this exchange is over.
 * @see RFC 7296 §1.3.1, §2.25
 */
export function onChildRefused(
  context: EndpointContext,
  session: IkeSession,
  attempt: ChildAttempt,
  error: NotifyPayload,
): ChildAttempt | undefined {
  const { rekeys } = attempt;
  const old = rekeys === undefined ? undefined : session.children.get(rekeys);
  const isReplaced =
    rekeys !== undefined && (!old || old.replacedBy !== undefined || old.deleting !== undefined);
  const effect = REFUSALS[refusalName(error.notify)][isReplaced ? 'peer-replaced-it' : 'alone'];
  switch (effect) {
    case 'take-replacement':
      endChildAttempt(context, session, attempt);
      return undefined;
    case 'retry-method':
      return withMethod(context, session, attempt, notifyUint16(error) ?? 0);
    case 'create-anew':
      endChildAttempt(context, session, attempt);
      if (!old) return undefined;
      // RFC 7296 §2.25: silently deleted, and a new one is asked for from scratch, unless it exists: what the unknown one
      // was to replace is still there when the peer has never heard of it.
      if (!isReplacement(session, old)) {
        session.queue.unshift({ kind: 'create-child', name: old.config.name, postponements: 0 });
      }
      retireOrRemove(context, session, old, 'the peer does not know it any more');
      return undefined;
    case 'retry-later':
      postpone(context, session, attempt);
      return undefined;
    case 'give-up':
      return withPacketAlone(session, attempt, error) ?? giveUp(context, session, attempt, error);
    default:
      return unreachable(effect);
  }
}

/** The peer gives a Child SA to one pair of addresses only: the same for nothing but the packet that wants it, where one
 * does. @see RFC 7296 §2.9 (SINGLE_PAIR_REQUIRED)
 */
function withPacketAlone(
  session: IkeSession,
  attempt: ChildAttempt,
  error: NotifyPayload,
): ChildAttempt | undefined {
  const { packet, offer } = attempt;
  if (error.notify !== NotifyType.SINGLE_PAIR_REQUIRED || !packet) return undefined;
  const pair = { local: [packet.local], remote: [packet.remote] };
  if (!isWithinOffer(pair.local, offer.local) || !isWithinOffer(pair.remote, offer.remote)) {
    return undefined;
  }
  if (session.running) session.running = { ...session.running, messageId: undefined };
  return { ...attempt, packet: undefined, offer: { ...offer, ...pair } };
}

/** No pause mends it. A peer that makes no further Child SAs replaces none either: then the IKE SA is replaced as a whole, with
 * what it carries. @see RFC 7296 §1.3 (NO_ADDITIONAL_SAS), §2.8 (an implementation MAY refuse all CREATE_CHILD_SA requests)
 */
function giveUp(
  context: EndpointContext,
  session: IkeSession,
  attempt: ChildAttempt,
  { notify }: NotifyPayload,
): undefined {
  const { offer, rekeys } = attempt;
  const isRekey = rekeys !== undefined && session.children.has(rekeys);
  failChildAttempt(context, session, attempt, refusalOf(notify, offer), retryMoment(context, LATE));
  if (notify !== NotifyType.NO_ADDITIONAL_SAS || !isRekey) return;
  if (session.role !== 'initiator' || isBehind(session)) return;
  setTimer(context, session, 'reauth', context.now, { label: 'an IKE SA in place of a rekey' });
}

/** Whether another Child SA waits for its end because this one has taken its place. */
function isReplacement({ children }: IkeSession, { id }: ChildSa): boolean {
  return [...children.values()].some(({ replacedBy }) => replacedBy === id);
}

/** The same with the key exchange that the peer wants, if it is one of ours and was not refused before; remembered
 * for the next time. @see RFC 7296 §1.3, §3.3.6
 */
function withMethod(
  context: EndpointContext,
  session: IkeSession,
  attempt: ChildAttempt,
  method: number,
): ChildAttempt | undefined {
  const { config } = attempt.offer;
  const own = methodsOf(config.proposals);
  if (!own.includes(method) || attempt.triedMethods.includes(method)) {
    const failure = keyExchangeRefused(method, own);
    failChildAttempt(context, session, attempt, failure, retryMoment(context, LATE));
    return undefined;
  }
  session.learnedMethods.set(config.name, method);
  if (session.running) session.running = { ...session.running, messageId: undefined };
  return { ...attempt, method, triedMethods: [...attempt.triedMethods, method] };
}

/** TEMPORARY_FAILURE: again after a pause, and the end of the IKE SA when it has been so for minutes. @see RFC 7296 §2.25 */
function postpone(context: EndpointContext, session: IkeSession, attempt: ChildAttempt): void {
  const procedure = session.running?.procedure;
  const old = attempt.rekeys === undefined ? undefined : session.children.get(attempt.rekeys);
  endChildAttempt(context, session, attempt);
  const before =
    old?.postponements ?? (procedure?.kind === 'create-child' ? procedure.postponements : 0);
  const postponements = before + 1;
  if (postponements > MAX_POSTPONEMENTS) {
    putEnd(session, outOfStep());
    return;
  }
  const at = retryMoment(context, postponements);
  if (old) {
    old.postponements = postponements;
    retryAtSoft(context, session, old, at);
  } else if (procedure?.kind === 'create-child') {
    session.postponed.push({ at, procedure: { ...procedure, postponements } });
    session.postponed.sort((a, b) => a.at - b.at);
    const next = session.postponed[0]?.at ?? at;
    setTimer(context, session, 'postponed', next, { label: 'what the peer has put off' });
  }
}

/** An attempt is over, and what it held is free again. The queue goes on with what comes next. */
export function endChildAttempt(
  context: EndpointContext,
  session: IkeSession,
  attempt: ChildAttempt,
): void {
  releaseChildSpi(context, attempt.inboundSpi);
  eraseSeries(session.initiation);
  session.initiation = undefined;
  session.running = undefined;
  session.rival = undefined;
  session.deletedEarly.clear();
}

/** The peer has deleted the Child SA before we had it: there is nothing to delete there, and it is not made here.
 * What it was to replace, if it is still there, is replaced later.
 */
export function onDeletedEarly(
  context: EndpointContext,
  session: IkeSession,
  attempt: ChildAttempt,
): void {
  const { rekeys } = attempt;
  const isGone = rekeys !== undefined && !session.children.has(rekeys);
  if (isGone) endChildAttempt(context, session, attempt);
  else failChildAttempt(context, session, attempt, CHILD_DELETED_EARLY, retryMoment(context, 1));
}

/** An attempt has failed: tells so, and has a replacement tried again while there is something to replace.
 * @param retryAt - when a replacement is tried again.
 */
export function failChildAttempt(
  context: EndpointContext,
  session: IkeSession,
  attempt: ChildAttempt,
  failure: SessionFailure,
  retryAt: Instant = retryMoment(context, 1),
): void {
  const { offer, rekeys } = attempt;
  endChildAttempt(context, session, attempt);
  const old = rekeys === undefined ? undefined : session.children.get(rekeys);
  if (!old) {
    const { name } = offer.config;
    raise(context, { kind: 'child-failed', sessionId: session.id, name, failure });
    return;
  }
  const nextAt = retryAtSoft(context, session, old, retryAt);
  const retryInMs = msBetween(context.now, nextAt);
  const about = { sessionId: session.id, childId: old.id };
  raise(context, { kind: 'rekey-failed', ...about, failure, retryInMs });
}

/** Has a replacement asked for again at `at`, and not before; not at all when the answer could hardly come in time: a request
 * that is out when the Child SA ends would take the IKE SA with it, and at the end another is asked for anyway.
 * @returns when something is done about it.
 */
function retryAtSoft(
  context: EndpointContext,
  session: IkeSession,
  old: ChildSa,
  at: Instant,
): Instant {
  const patienceMs = Math.min(ANSWER_PATIENCE_MS, msBetween(context.now, at));
  const isTooLate = old.expiresAt !== undefined && msBetween(at, old.expiresAt) < patienceMs;
  const nextAt = isTooLate && old.expiresAt !== undefined ? old.expiresAt : at;
  old.softAt = isTooLate ? undefined : at;
  old.retryAt = nextAt;
  armChildLifetime(context, session);
  return nextAt;
}

function unreachable(effect: never): never {
  throw new Error(`unhandled effect ${String(effect)}`);
}
