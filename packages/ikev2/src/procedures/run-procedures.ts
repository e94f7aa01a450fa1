import { addMs, msBetween } from '@ipsec-kit/clock';
import type { Payload } from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { LIFETIME_OVER, REAUTHENTICATED } from '../errors/endings.ts';
import type { LivenessReason } from '../events.ts';
import { onOwnResponse } from '../exchanges/own-response.ts';
import { answerSoon } from '../reauth/answer-late.ts';
import { isHandedOver } from '../reauth/is-handed-over.ts';
import { latestOf } from '../reauth/latest-of.ts';
import { takeLeftBehind, takeWishes } from '../reauth/left-behind.ts';
import { predecessorsOf } from '../reauth/predecessors-of.ts';
import { SETTLE_MS } from '../reauth/settle-time.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { beginCreateChild, beginRekeyChild } from './create-child.ts';
import { finish, inform, isCreation } from './inform.ts';
import { giveWay } from './probe-binding.ts';
import { isMoveToCome, type Procedure } from './procedure.ts';
import { putEnd } from './put-end.ts';
import { beginRekeyIke } from './rekey-ike.ts';
import { underWay } from './under-way.ts';

/** Most procedures that may wait, those that the peer has put off among them; further ones are refused, as the peer then does not
 * answer anyway, or puts off whatever it is asked.
 */
export const MAX_WAITING: number = 64;

/** Reasons to ask that any other exchange serves as well. */
const ABOUT_LIFE: ReadonlySet<LivenessReason> = new Set<LivenessReason>([
  'idle',
  'command',
  'hint',
  'proof',
]);

/** Puts a procedure into the queue and starts it when nothing else is out.
 * @returns false when the queue is full or the same work waits already.
 */
export function enqueue(
  context: EndpointContext,
  session: IkeSession,
  procedure: Procedure,
  place: 'last' | 'first' = 'last',
): boolean {
  const { queue, postponed } = session;
  if (procedure.kind === 'liveness' && isAsked(session, procedure)) return false;
  if (queue.length + postponed.length >= MAX_WAITING && place === 'last') return false;
  if (place === 'first') queue.unshift(procedure);
  else queue.push(procedure);
  runNext(context, session);
  return true;
}

/** Whether what waits or is out asks the same. RFC 7296 §2.4: any exchange shows that the peer is alive; where it sees us
 * only one with NAT detection that has not left yet.
 */
function isAsked(
  { running, queue }: IkeSession,
  { natDetection, reason }: Extract<Procedure, { readonly kind: 'liveness' }>,
): boolean {
  if (!natDetection || ABOUT_LIFE.has(reason)) return running !== undefined || queue.length > 0;
  return queue.some(
    (waiting) =>
      waiting.kind === 'update-addresses' || (waiting.kind === 'liveness' && waiting.natDetection),
  );
}

/** Starts the next procedure, if the window is free. Those that have nothing to do any more are passed over. */
export function runNext(context: EndpointContext, session: IkeSession): void {
  for (const old of predecessorsOf(session)) answerSoon(context, old);
  if (session.lateAnswer) {
    answerSoon(context, session);
    return;
  }
  giveWay(context, session);
  // While the peer replaces the IKE SA, what we have to ask waits for the new one. @see RFC 7296 §2.25.2
  const isMoving =
    session.peerSeries?.promised.kind === 'ike' ||
    (session.answering !== undefined && 'initiatorSpi' in session.answering.reply);
  while (session.sa && !session.running && !isMoving && !session.parked) {
    const { requests } = session.sa;
    if (!requests.permission().ok) return;
    // RFC 7296 §2.2: the IKE SA MUST be closed or rekeyed; with the last message id it can only be closed.
    if (requests.remainingMessageIds <= 1) keepOnlyTheEnd(session);
    const procedure = nextOf(session);
    if (!procedure) return;
    session.running = { procedure, messageId: undefined, startedAt: context.now };
    if (!begin(context, session, session.sa, procedure)) session.running = undefined;
  }
}

/** What waits first; a probe only when nothing else does. */
function nextOf({ queue }: IkeSession): Procedure | undefined {
  const at = queue.findIndex(({ kind }) => kind !== 'probe-binding');
  return at < 0 ? queue.shift() : queue.splice(at, 1)[0];
}

function keepOnlyTheEnd(session: IkeSession): void {
  const { queue, state } = session;
  if (queue.length === 0 || state.kind !== 'established') return;
  const end = queue.find((procedure) => procedure.kind === 'delete-ike');
  putEnd(session, end?.failure ?? LIFETIME_OVER);
}

/** Sends the request of a procedure, or begins to make it. @returns false when it has become pointless. */
function begin(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  procedure: Procedure,
): boolean {
  switch (procedure.kind) {
    case 'create-child':
      if (isHandedOver(session)) return leaveToHeir(context, session, procedure);
      return beginCreateChild(context, session, procedure);
    case 'rekey-child':
      return !isHandedOver(session) && beginRekeyChild(context, session, procedure);
    case 'rekey-ike':
      return !isHandedOver(session) && beginRekeyIke(context, session);
    case 'delete-predecessor':
      armDeletion(context, session);
      return false;
    case 'delete-ike':
      return !leavesBehind(context, session, procedure) && inform(context, session, sa, procedure);
    default:
      return inform(context, session, sa, procedure);
  }
}

/** An IKE SA that has been replaced makes no Child SA any more; the one in its place does. @returns false */
function leaveToHeir(
  context: EndpointContext,
  session: IkeSession,
  procedure: Extract<Procedure, { readonly kind: 'create-child' }>,
): false {
  if (procedure.moves === undefined) enqueue(context, latestOf(session), procedure);
  return false;
}

/** A Child SA may have been made in an IKE SA after another had taken its place: it moves first, and the end waits for it. */
function leavesBehind(
  context: EndpointContext,
  session: IkeSession,
  { failure }: Extract<Procedure, { readonly kind: 'delete-ike' }>,
): boolean {
  const heir = latestOf(session);
  if (failure !== REAUTHENTICATED || heir === session || heir.role !== 'initiator') return false;
  if (heir.state.kind !== 'established' || heir.isClosing) return false;
  const left = takeLeftBehind(session);
  if (left.length === 0) return false;
  heir.queue.push(...left, { kind: 'delete-predecessor' });
  runNext(context, heir);
  return true;
}

/** Outbound has moved to the Child SAs of this IKE SA a moment ago: what is under way on the old ones arrives first. */
function armDeletion(context: EndpointContext, session: IkeSession): void {
  if (session.predecessor?.state.kind !== 'established') return;
  // What the peer has put off moves first, unless it has put it off for too long: the old IKE SA must not stay with it for ever.
  if (underWay(session).some(isMoveToCome)) return;
  setTimer(context, session, 'hand-over', addMs(context.now, SETTLE_MS), {
    label: 'DELETE of a replaced IKE SA',
    wake: 'process',
  });
}

/** All that the IKE SA before this one carried has moved: it is deleted, before all else that waits there.
 * @see RFC 7296 §2.8.3
 */
export function deletePredecessor(context: EndpointContext, session: IkeSession): void {
  const { predecessor } = session;
  if (predecessor?.state.kind !== 'established') return;
  session.queue.push(...takeWishes(predecessor));
  predecessor.queue.length = 0;
  enqueue(context, predecessor, { kind: 'delete-ike', failure: REAUTHENTICATED });
}

/** The response to the procedure that is out. */
export function onProcedureResponse(
  context: EndpointContext,
  session: IkeSession,
  messageId: number,
  payloads: readonly Payload[],
  path: Path,
): void {
  const { running } = session;
  if (running?.messageId !== messageId) return;
  const { procedure, startedAt } = running;
  if (isCreation(procedure)) {
    onOwnResponse(context, session, payloads);
  } else {
    session.running = undefined;
    const roundTripMs = msBetween(startedAt, context.now);
    finish(context, session, procedure, { payloads, path, roundTripMs });
  }
  runNext(context, session);
}
