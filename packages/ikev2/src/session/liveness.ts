import { laterOf, type Timeless, type WakeClass } from '@ipsec-kit/clock';
import type { DpdReason, LivenessAction, LivenessInput } from '@ipsec-kit/nat-t';
import { LivenessPolicy } from '@ipsec-kit/nat-t';
import { carryBinding } from '../binding/carry-binding.ts';
import { type EndpointContext, raise, setTimer } from '../endpoint/endpoint-context.ts';
import type { ChildTraffic, EndpointInput } from '../endpoint-io.ts';
import { sendKeepalive } from '../mobike/send-keepalive.ts';
import { resendOutstanding } from '../mobike/send-outstanding.ts';
import { checkLiveness } from '../procedures/check-liveness.ts';
import { updateAddresses } from '../procedures/queue-update.ts';
import { latestOf } from '../reauth/latest-of.ts';
import { noteWake } from './await-first-answer.ts';
import type { IkeSession } from './ike-session.ts';
import { noteExchangeEnded } from './note-liveness.ts';

/** Why a DPD goes out when the NAT mapping may have been lost. */
const MAPPING_DOUBTS: ReadonlySet<DpdReason> = new Set([
  'late',
  'slept',
  'connectivity',
  'one-way',
]);

/** Starts what keeps the path of an established session alive, or goes on with that of the IKE SA whose place it takes:
 * the path is the same, only what the peer's hashes cover is not.
 */
export function beginLiveness(context: EndpointContext, session: IkeSession): void {
  const { predecessor } = session;
  const { settings, now } = context;
  const { connection } = session;
  // It waits for its end behind another.
  if (session.takenOverBy) return;
  if (predecessor?.liveness && !session.liveness) {
    session.liveness = predecessor.liveness;
    predecessor.liveness = undefined;
    armPath(context, predecessor);
    carryBinding(context, predecessor, session);
  }
  // What was out on another IKE SA is not awaited here.
  noteExchangeEnded(context, session, {});
  const isNew = !session.liveness;
  session.liveness ??= new LivenessPolicy(now, {
    keepaliveMs: settings.keepaliveMs,
    dpdMarginMs: settings.keepaliveDpdMarginMs,
    keepaliveWhen: settings.keepAliveForced ? 'always' : 'behind-nat',
    keepaliveKind: connection?.keepaliveKind ?? 'byte',
    dpdDelayMs: connection?.dpdDelayMs ?? 0,
    updateOnConnectivity: connection?.updateOnConnectivity ?? false,
  });
  // The exchange that has just established it went both ways.
  if (isNew) session.liveness.note({ inIke: now, outIke: now });
  tellPath(context, session);
}

/** What is known of NATs on the path has changed, or the path itself. */
export function tellPath(context: EndpointContext, session: IkeSession): void {
  // RFC 4555 §3.5: only the initiator may draw the conclusion, which is UPDATE_SA_ADDRESSES.
  const canDetect = session.role === 'initiator' && session.addressUpdates !== undefined;
  tell(context, session, { kind: 'path', behindNat: session.nat.local, canDetect });
  context.bindingReviews.add(session);
}

/** What is known of the lifetime of mappings, or that nothing is. */
export function tellBinding(
  context: EndpointContext,
  session: IkeSession,
  known: { readonly keepaliveMs: number; readonly lifetimeMs?: number },
): void {
  tell(context, session, { kind: 'binding', ...known });
}

/** ESP in either direction: inbound shows that the peer is alive, outbound refreshes the NAT mapping. The two are kept apart. */
export function noteSample(context: EndpointContext, children: readonly ChildTraffic[]): void {
  const seen = new Map<
    IkeSession,
    { inEsp?: EndpointContext['now']; outEsp?: EndpointContext['now'] }
  >();
  for (const { childId, packetsOut, lastInboundAt, lastOutboundAt } of children) {
    const session = context.sessionsByChild.get(childId);
    if (!session) continue;
    const child = session.children.get(childId);
    if (child) child.packetsOut = packetsOut;
    const shown = latestOf(session);
    const stamps = seen.get(shown) ?? {};
    seen.set(shown, stamps);
    if (lastInboundAt !== undefined) {
      session.lastInboundAt = laterOf(session.lastInboundAt, lastInboundAt);
      // One that came from elsewhere would have been told of.
      if (!child?.isElsewhere) noteOnPath(session, lastInboundAt);
      stamps.inEsp = laterOf(stamps.inEsp ?? lastInboundAt, lastInboundAt);
    }
    if (lastOutboundAt !== undefined)
      stamps.outEsp = laterOf(stamps.outEsp ?? lastOutboundAt, lastOutboundAt);
  }
  for (const [session, stamps] of seen) {
    let espPacketsOut = 0;
    for (const child of session.children.values()) espPacketsOut += child.packetsOut;
    tell(context, session, { kind: 'traffic', stamps, espPacketsOut });
  }
}

/** Where a packet has come from elsewhere and is waited with, another Child SA may still be in use where the peer was. */
function noteOnPath({ follower }: IkeSession, heardAt: EndpointContext['now']): void {
  if (follower?.nextDeadline()) follower.onHeard(heardAt);
}

/** The device slept, or the network changed: every session asks for its path before anything else is done. What is out when the network
 * changed may not have found a way, and goes again.
 */
export function onPathEvent(
  context: EndpointContext,
  event: Extract<EndpointInput, { readonly kind: 'slept' | 'connectivity' }>,
): void {
  if (event.kind === 'slept') raise(context, { kind: 'slept', sleptMs: event.sleptMs });
  for (const session of [...context.sessions.values()]) {
    if (!session.liveness) continue;
    if (event.kind === 'slept') {
      noteWake(context, session);
      tell(context, session, { kind: 'slept', sleptMs: event.sleptMs });
    } else {
      resendOutstanding(context, session);
      tell(context, session, { kind: 'connectivity' });
    }
  }
}

/** A deadline of the path has come. */
export function onPathTimer(context: EndpointContext, session: IkeSession): void {
  tell(context, session, { kind: 'timeout' });
}

/** Tells the policies what has come of the input, and does what they decide. */
export function settleLiveness(context: EndpointContext): void {
  for (const session of context.livenessNews.keys()) settle(context, session);
}

function settle(context: EndpointContext, session: IkeSession): void {
  const news = context.livenessNews.get(session);
  context.livenessNews.delete(session);
  if (!news || !session.liveness) return;
  if (news.isRekeyed) feed(context, session, { kind: 'rekeyed' });
  if (news.ended) feed(context, session, { kind: 'exchange-ended', ...news.ended });
  if (isExchangeRunning(session)) feed(context, session, { kind: 'exchange-started' });
  armPath(context, session);
}

/** A probe gives way to whatever else there is to ask. */
function isExchangeRunning({ requests, running }: IkeSession): boolean {
  return requests.outstanding.length > 0 && running?.procedure.kind !== 'probe-binding';
}

type Fact = Timeless<LivenessInput>;

function tell(context: EndpointContext, session: IkeSession, fact: Fact): void {
  settle(context, session);
  feed(context, session, fact);
  armPath(context, session);
}

function feed(context: EndpointContext, session: IkeSession, fact: Fact): void {
  const { liveness } = session;
  if (!liveness || !isStanding(session) || session.delegated) return;
  for (const action of liveness.handle({ ...fact, now: context.now })) {
    perform(context, session, action);
  }
}

/** While the DELETE is out the mapping is still kept for its answer. */
function isStanding({ state }: IkeSession): boolean {
  return state.kind === 'established' || state.kind === 'ending';
}

function perform(context: EndpointContext, session: IkeSession, action: LivenessAction): void {
  switch (action.kind) {
    case 'keepalive':
      sendKeepalive(context, session, session.path);
      return;
    case 'esp-keepalive':
      keepByEsp(context, session);
      return;
    case 'dpd':
      checkLiveness(context, session, action.reason, action.natDetection);
      if (MAPPING_DOUBTS.has(action.reason)) showByEsp(context, session);
      return;
    case 'update-addresses':
      updateAddresses(context, session, action.reason);
      return;
    default:
      unreachable(action);
  }
}

/** The mapping may be another one. With MOBIKE a request tells the peer of it only after its answer, while ESP moves a peer that
 * follows it at once; one that does not discards what holds nothing.
 * @see RFC 4555 §3.8, RFC 4303 §2.6
 */
function showByEsp(context: EndpointContext, session: IkeSession): void {
  if (session.nat.local && session.children.size > 0) keepByEsp(context, session);
}

/** On the Child SA that came last: it is the one that the peer keeps longest. */
function keepByEsp(context: EndpointContext, session: IkeSession): void {
  const child = [...session.children.values()].at(-1);
  if (child) context.outputs.push({ kind: 'send-esp-keepalive', childId: child.id });
  else sendKeepalive(context, session, session.path);
}

/** What wakes the device has a deadline of its own, so that what only looks while the device is awake does not hide it. */
function armPath(context: EndpointContext, session: IkeSession): void {
  armOne(context, session, 'path', 'device');
  armOne(context, session, 'path-watch', 'process');
}

function armOne(
  context: EndpointContext,
  session: IkeSession,
  timer: 'path' | 'path-watch',
  wake: WakeClass,
): void {
  const next = isStanding(session) ? session.liveness?.nextDeadline(wake) : undefined;
  if (!next) {
    context.deadlines.clear(session.id, timer);
    return;
  }
  const { at, toleranceMs, name } = next;
  setTimer(context, session, timer, at, { label: name, toleranceMs, wake });
}

function unreachable(action: never): never {
  throw new Error(`unhandled action ${JSON.stringify(action)}`);
}
