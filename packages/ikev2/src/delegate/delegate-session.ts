import { addMs, type Instant, msBetween } from '@ipsec-kit/clock';
import { formatEndpoint } from '@ipsec-kit/ip';
import { closeProbe } from '../binding/binding-probe.ts';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import type { TimerName } from '../endpoint/timer-name.ts';
import { resumeAfter } from '../mobike/lost-path.ts';
import { runNext } from '../procedures/run-procedures.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { noteTraffic } from '../session/note-liveness.ts';
import { DELEGATED_MESSAGES, type Delegation } from './delegation.ts';
import { toHex } from './hex.ts';
import { parseReport } from './parse-delegation.ts';

/** A session that was handed over; `busy`: an exchange is under way or about to begin, or another IKE SA is on its way in or out, so try
 * again in a moment; `not-open`: there is no such session, it does not stand, or has no path; `delegated`: it is already.
 */
export type DelegationResult =
  | { readonly ok: true; readonly delegation: Delegation }
  | { readonly ok: false; readonly code: 'not-open' | 'busy' | 'delegated' };

/** A session that is ours again; `malformed`: the report is none; `out-of-step`: it cannot be of this delegation, and the session
 * stays delegated.
 */
export type TakeBackResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: 'not-delegated' | 'malformed' | 'out-of-step' };

/** What a delegate does itself, or the peer would wake it for. */
const DONE_BY_DELEGATE: ReadonlySet<TimerName> = new Set<TimerName>([
  'path',
  'path-watch',
  'standby',
  'follow',
  'binding',
]);

/** Hands the IKE SA of a session to a delegate. From here on the session sends nothing, answers nothing and decides nothing; what it is
 * asked for waits, and its deadlines rest.
 */
export function delegateSession(
  context: EndpointContext,
  session: IkeSession | undefined,
  now: Instant,
): DelegationResult {
  const sa = session?.sa;
  if (session?.delegated) return { ok: false, code: 'delegated' };
  if (!session || !sa || session.state.kind !== 'established' || session.parked) {
    return { ok: false, code: 'not-open' };
  }
  if (isBusy(session, sa)) return { ok: false, code: 'busy' };
  // Nobody looks at its mapping in time.
  closeProbe(context, session);
  const sealed = sa.sealer.sealed;
  // An IV is never used twice, whatever becomes of the delegate and of its report. @see RFC 5282 §3.1
  sa.sealer.sealed += BigInt(DELEGATED_MESSAGES);
  session.delegated = { expectedRequestId: sa.responses.expectedMessageId };
  const entries = context.deadlines.takeSession(session.id);
  session.parked = new Map(entries.map((entry) => [entry.name, entry]));
  const ownWork = entries.filter(({ name }) => !DONE_BY_DELEGATE.has(name)).map(({ at }) => at);
  return { ok: true, delegation: describe(session, sa, now, sealed, ownWork) };
}

/** Goes on where the delegate has stopped; what came due meanwhile is due now. @param report - as it came out of JSON. */
export function takeBackSession(
  context: EndpointContext,
  session: IkeSession | undefined,
  report: unknown,
  now: Instant,
): TakeBackResult {
  const sa = session?.sa;
  if (!session?.delegated || !sa) return { ok: false, code: 'not-delegated' };
  const parsed = parseReport(report);
  if (!parsed) return { ok: false, code: 'malformed' };
  const { expectedRequestId, response, lastInboundAgoMs, lastOutboundAgoMs } = parsed;
  const answered = expectedRequestId - session.delegated.expectedRequestId;
  const isInStep =
    parsed.sessionId === session.id &&
    answered >= 0 &&
    answered <= DELEGATED_MESSAGES &&
    (answered === 0 || response?.messageId === expectedRequestId - 1);
  if (!isInStep) return { ok: false, code: 'out-of-step' };
  if (answered > 0 && response) sa.responses.resumeAt(expectedRequestId, response.datagrams);
  session.delegated = undefined;
  noteTraffic(context, session, { inIke: addMs(now, -lastInboundAgoMs) });
  noteTraffic(context, session, { outIke: addMs(now, -lastOutboundAgoMs) });
  if (session.mover?.candidates.length === 0) {
    raise(context, { kind: 'path-lost', sessionId: session.id });
    return { ok: true };
  }
  resumeAfter(context, session);
  runNext(context, session);
  return { ok: true };
}

/** Whether anything is under way that a delegate knows nothing of. */
function isBusy(session: IkeSession, sa: IkeSa): boolean {
  const { running, queue, answering, successor, peerSuccessor, predecessor, takesOver } = session;
  return (
    running !== undefined ||
    queue.some(({ kind }) => kind !== 'probe-binding') ||
    answering !== undefined ||
    session.peerSeries !== undefined ||
    session.lateAnswer !== undefined ||
    session.takenOverBy !== undefined ||
    session.isClosing ||
    session.replaced.length > 0 ||
    [successor, peerSuccessor, predecessor, takesOver].some((other) => other !== undefined) ||
    sa.requests.outstanding.length > 0 ||
    sa.responses.isWorking ||
    sa.responses.windowSize !== 1 ||
    sa.requestFragments.expiresAt !== undefined
  );
}

function describe(
  session: IkeSession,
  sa: IkeSa,
  now: Instant,
  sealed: bigint,
  ownWork: readonly Instant[],
): Delegation {
  const { path, marker, liveness, connection } = session;
  const { keys, suite, responses } = sa;
  const { encryption, keyBits, integrity } = suite.cipher;
  const expectedRequestId = responses.expectedMessageId;
  const last = responses.classify(expectedRequestId - 1);
  const datagrams =
    last.kind === 'retransmission' && last.state === 'answered' ? last.datagrams : undefined;
  const stamps = liveness?.stamps ?? {};
  const wakeInMs = Math.min(...ownWork.map((at) => Math.max(0, msBetween(now, at))));
  return {
    version: 1,
    sessionId: session.id,
    local: formatEndpoint(path.local),
    remote: formatEndpoint(path.remote),
    marker,
    initiatorSpi: spiText(sa.initiatorSpi),
    responderSpi: spiText(sa.responderSpi),
    isInitiator: sa.isInitiator,
    suite: { encryption, keyBits, integrity },
    keys: {
      skEi: toHex(keys.skEi.reveal()),
      skEr: toHex(keys.skEr.reveal()),
      skAi: toHex(keys.skAi.reveal()),
      skAr: toHex(keys.skAr.reveal()),
    },
    sealed: sealed.toString(),
    expectedRequestId,
    ...(datagrams
      ? { lastResponse: { messageId: expectedRequestId - 1, datagrams: datagrams.map(toHex) } }
      : {}),
    keepaliveMs: liveness?.keepaliveMs ?? 0,
    lastOutboundAgoMs: agoMs(now, stamps.outIke, stamps.outEsp, stamps.outKeepalive),
    silenceMs: connection?.dpdDelayMs ?? 0,
    lastInboundAgoMs: agoMs(now, stamps.inIke, stamps.inEsp),
    ...(Number.isFinite(wakeInMs) ? { wakeInMs } : {}),
  };
}

function agoMs(now: Instant, ...stamps: readonly (Instant | undefined)[]): number {
  const known = stamps.flatMap((at) => (at === undefined ? [] : [msBetween(at, now)]));
  return known.length === 0 ? 0 : Math.max(0, Math.min(...known));
}

function spiText(spi: bigint): string {
  return spi.toString(16).padStart(16, '0');
}
