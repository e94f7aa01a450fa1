import type { Instant, Machine, WakeClass } from '@ipsec-kit/clock';
import { instantFromMs } from '@ipsec-kit/clock';
import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import { BindingMemory } from '@ipsec-kit/nat-t';
import { onNetwork, reviewBindings } from '../binding/discover-binding.ts';
import { onFirstInbound } from '../child/activate-child.ts';
import type { ConnectionConfig, EndpointSettings } from '../config.ts';
import {
  type DelegationResult,
  delegateSession,
  type TakeBackResult,
  takeBackSession,
} from '../delegate/delegate-session.ts';
import {
  type EndpointDeadline,
  type EndpointInput,
  type EndpointOutput,
  FIRST_RESPONDER_SESSION_ID,
} from '../endpoint-io.ts';
import { onLocalAddresses } from '../mobike/local-addresses.ts';
import { SeenEndpoints } from '../mobike/seen-endpoints.ts';
import { onSendFailed } from '../mobike/send-failed.ts';
import { plainBytes } from '../payloads/plain-bytes.ts';
import { afterEndsBehind } from '../reauth/end-behind.ts';
import { resumeWaiting } from '../reauth/resume-waiting.ts';
import { onChildLimit } from '../session/child-lifetime.ts';
import { followEsp } from '../session/follow-peer.ts';
import { noteSample, onPathEvent, settleLiveness } from '../session/liveness.ts';
import { type PathStatus, pathStatusOf } from '../session/path-status.ts';
import { lifetimesOf, type SessionLifetimes } from '../session/session-lifetimes.ts';
import { shownSession } from '../session/shown-session.ts';
import { PeerSessions } from '../unique/peer-sessions.ts';
import { Allowance } from './allowance.ts';
import { CookieJar } from './cookies.ts';
import { DeadlineHeap } from './deadline-heap.ts';
import { deliverAnswer } from './deliver-answer.ts';
import type { EndpointContext, PlaceChildSpi } from './endpoint-context.ts';
import { HalfOpenCounter } from './half-open.ts';
import { performCommand } from './perform-command.ts';
import { receiveDatagram } from './receive-datagram.ts';
import { runTimers } from './run-timers.ts';

/** Answers to unauthenticated messages: per second in the long run, and at once. */
const UNPROTECTED_ANSWERS_PER_SECOND = 100;
/** Hints about unknown ESP SPIs, likewise. */
const SPI_HINTS_PER_SECOND = 10;
/** Datagrams that the system refused and that are looked at, likewise. */
const SEND_FAILURES_PER_SECOND = 50;
/** Events about messages that were dropped, likewise. */
const REJECTION_EVENTS_PER_SECOND = 100;

/** What an endpoint is made of. */
export interface IkeEndpointOptions {
  readonly connections: readonly ConnectionConfig[];
  readonly settings: EndpointSettings;
  /** Its `generate` and `agree` are never called here: they come out as requests. */
  readonly crypto: CryptoProvider;
  /** For SPIs, nonces, IVs and cookies. */
  readonly random: RandomSource;
  /** 0 to 1, for timers alone, so that they do not move SPIs in a trace. */
  readonly jitter: () => number;
  /** Where the packet path finds by the SPI which of its threads an SA belongs to. Absent: SPIs stay as they were drawn. */
  readonly placeSpi?: PlaceChildSpi;
  /** What is known of how long the NATs of networks keep a mapping, and will be; default: nothing yet, for as long as the endpoint is
   * there. It is bounded, and may be stored across restarts.
   */
  readonly bindingMemory?: BindingMemory;
}

/** All IKE sessions of one set of sockets, both roles, as one pure machine. */
export interface IkeEndpoint extends Machine<EndpointInput, EndpointOutput> {
  /** The deadline that comes first, of all or of one class. One that may wait for the process to be awake must not hide a later
   * one that wakes the device: where that makes a difference, each class is scheduled by itself.
   */
  nextDeadline(wake?: WakeClass): EndpointDeadline | undefined;
  /** When the keys of a session and of its children are replaced, and when they end; `undefined` when there is no such session. */
  lifetimes(sessionId: number): SessionLifetimes | undefined;
  /** How a session reaches its peer now, and what keeps that path alive; `undefined` when there is no such session. */
  path(sessionId: number): PathStatus | undefined;
  /** Hands a session to a process that keeps it alive while this one rests, with `createLivenessDelegate` of
   * `@ipsec-kit/ikev2/delegate`. Until {@link takeBack} nothing is sent here under this IKE SA and none of its messages is looked at,
   * so that message ids and IVs stay in step; packets of its Child SAs are no matter of the delegate.
   * @returns among others what is to be performed, as `handle` does.
   */
  delegate(
    sessionId: number,
    now: Instant,
  ): DelegationResult & { readonly outputs: readonly EndpointOutput[] };
  /** Takes a session back with the `DelegateReport` of its delegate, as it came out of JSON. Only the one whose delegate has been released
   * may be taken back; one whose report is lost cannot, and is closed.
   * @returns among others what is to be performed, as `handle` does.
   */
  takeBack(
    sessionId: number,
    report: unknown,
    now: Instant,
  ): TakeBackResult & {
    readonly outputs: readonly EndpointOutput[];
  };
  /** Messages that were dropped so far: garbage, forgeries, late duplicates. */
  readonly rejectedMessages: number;
}

/** Creates an endpoint: give it datagrams, timeouts, answers, commands and traffic; perform what it returns, in order.
 * Nothing that comes from the network makes it throw.
 * @see RFC 7296
 */
export function createIkeEndpoint(options: IkeEndpointOptions): IkeEndpoint {
  const context = createContext(options);
  return {
    handle(input) {
      context.now = input.now;
      context.outputs = [];
      handle(context, input);
      afterEndsBehind(context);
      resumeWaiting(context);
      afterEndsBehind(context);
      reviewBindings(context);
      settleLiveness(context);
      return context.outputs;
    },
    nextDeadline(wakeClass) {
      const first = context.deadlines.first(wakeClass);
      if (!first) return undefined;
      const { sessionId, label, at, wake } = first;
      const toleranceMs = context.deadlines.toleranceOf(first, wakeClass);
      const session = context.sessions.get(sessionId);
      const shown = session ? shownSession(session).id : sessionId;
      return { name: label, at, toleranceMs, wake, sessionId: shown };
    },
    lifetimes(sessionId) {
      const session = context.sessions.get(sessionId);
      return session && lifetimesOf(context, session);
    },
    path(sessionId) {
      const session = context.sessions.get(sessionId);
      return session && pathStatusOf(context, session);
    },
    delegate(sessionId, now) {
      context.now = now;
      context.outputs = [];
      const result = delegateSession(context, context.sessions.get(sessionId), now);
      return { ...result, outputs: context.outputs };
    },
    takeBack(sessionId, report, now) {
      context.now = now;
      context.outputs = [];
      const result = takeBackSession(context, context.sessions.get(sessionId), report, now);
      reviewBindings(context);
      settleLiveness(context);
      return { ...result, outputs: context.outputs };
    },
    get rejectedMessages() {
      return context.counters.rejectedMessages;
    },
  };
}

function createContext(options: IkeEndpointOptions): EndpointContext {
  const { crypto, random, jitter, settings, connections } = options;
  const names = new Set(connections.map(({ name }) => name));
  if (names.size !== connections.length) {
    throw new RangeError('"connections" expected different names, got one of them twice');
  }
  return {
    crypto,
    random,
    jitter,
    placeSpi: options.placeSpi,
    settings,
    connections,
    now: instantFromMs(0),
    outputs: [],
    sessions: new Map(),
    sessionsBySpi: new Map(),
    sessionsByInitHash: new Map(),
    sessionsByChild: new Map(),
    inboundChildSpis: new Set(),
    awaitedAnswers: new Map(),
    installations: new Map(),
    deadlines: new DeadlineHeap(),
    halfOpen: new HalfOpenCounter(),
    cookies: new CookieJar(crypto, random),
    unprotectedAnswers: new Allowance(
      UNPROTECTED_ANSWERS_PER_SECOND,
      UNPROTECTED_ANSWERS_PER_SECOND,
    ),
    rejectionEvents: new Allowance(REJECTION_EVENTS_PER_SECOND, REJECTION_EVENTS_PER_SECOND),
    spiHints: new Allowance(SPI_HINTS_PER_SECOND, SPI_HINTS_PER_SECOND),
    sendFailures: new Allowance(SEND_FAILURES_PER_SECOND, SEND_FAILURES_PER_SECOND),
    counters: { rejectedMessages: 0 },
    nextRequestId: 1,
    nextSessionId: FIRST_RESPONDER_SESSION_ID,
    nextIdBehind: 0,
    endedBehind: [],
    waitingAuths: new Map(),
    waitingReauths: new Set(),
    peerSessions: new PeerSessions(),
    nextChildId: 1,
    localAddresses: undefined,
    nat64Prefixes: [],
    seenEndpoints: new SeenEndpoints(),
    networkKey: undefined,
    bindingMemory: options.bindingMemory ?? new BindingMemory(),
    bindingReviews: new Set(),
    livenessNews: new Map(),
  };
}

function handle(context: EndpointContext, input: EndpointInput): void {
  switch (input.kind) {
    case 'datagram':
      receiveDatagram(context, input.path, plainBytes(input.data), input.marker);
      return;
    case 'timeout':
      runTimers(context);
      return;
    case 'answer':
      deliverAnswer(context, input.requestId, input.answer);
      return;
    case 'command':
      performCommand(context, input.command);
      return;
    case 'traffic':
      noteSample(context, input.children);
      return;
    case 'peer-moved':
      followEsp(context, input.childId, input.path, input.bytes);
      return;
    case 'slept':
    case 'connectivity':
      onPathEvent(context, input);
      return;
    case 'local-addresses':
      onLocalAddresses(context, input);
      return;
    case 'send-failed':
      onSendFailed(context, input.path);
      return;
    case 'keepalive-received':
      context.seenEndpoints.note(input.path);
      return;
    case 'network':
      onNetwork(context, input.networkKey);
      return;
    case 'child-first-inbound':
      onFirstInbound(context, input.childId);
      return;
    case 'child-limit':
      onChildLimit(context, input.childId, input.limit);
      return;
    default:
      unreachable(input);
  }
}

function unreachable(input: never): never {
  throw new Error(`unhandled input ${JSON.stringify(input)}`);
}
