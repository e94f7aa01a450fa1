import type { Instant, WakeClass } from '@ipsec-kit/clock';
import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import type { IpAddress, Path, Prefix } from '@ipsec-kit/ip';
import type { BindingMemory } from '@ipsec-kit/nat-t';
import type { ConnectionConfig, EndpointSettings } from '../config.ts';
import type { EndpointOutput } from '../endpoint-io.ts';
import type { Answer, Request } from '../endpoint-work.ts';
import type { SessionEvent, SessionFailure } from '../events.ts';
import type { SeenEndpoints } from '../mobike/seen-endpoints.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { LivenessNews } from '../session/liveness-news.ts';
import { shownSession } from '../session/shown-session.ts';
import type { PeerSessions } from '../unique/peer-sessions.ts';
import type { Allowance } from './allowance.ts';
import type { CookieJar } from './cookies.ts';
import type { DeadlineHeap } from './deadline-heap.ts';
import type { HalfOpenCounter } from './half-open.ts';
import type { TimerName } from './timer-name.ts';

export type { TimerName } from './timer-name.ts';

const COUNTS_WITHOUT_PATH: ReadonlySet<TimerName> = new Set([
  'address-update',
  'give-up',
  'linger',
]);

/** An IKE SA behind a session that has ended. */
export interface EndedBehind {
  readonly session: IkeSession;
  readonly failure: SessionFailure;
}

/** An IKE_AUTH request that waits for its turn: the answer to go on with, and when its peer no longer waits. */
export interface WaitingAuth {
  readonly answer: Answer | undefined;
  readonly until: Instant;
  /** When its last copy came. */
  heardAt: Instant;
}

/** A Child SA that the packet path has been asked to install. */
export interface PendingInstallation {
  readonly childId: number;
  /** Where its packets go when it stands, unless the session moves meanwhile. */
  readonly path: Path;
  /** A packet on it has come already. */
  hasInbound: boolean;
  /** By the name of its configuration; only where outbound is to use it as soon as it stands. */
  readonly movesOutboundOf: string | undefined;
  /** Child SAs that were to be put to use meanwhile: what is being installed may have taken their place when it stands. */
  readonly putOff: number[];
}

/** Has a say in the SPI of a Child SA for packets to us: an equal one for equal arguments and an equal past.
 * @param drawn - a random one. @param beside - that of another Child SA with the same peer, if there is one.
 * @returns an SPI of 256 or more, as hard to guess as can be.
 */
export type PlaceChildSpi = (drawn: number, beside?: number) => number;

/** What all functions of one endpoint share. `now` and `outputs` belong to the input that is being handled. */
export interface EndpointContext {
  readonly crypto: CryptoProvider;
  readonly random: RandomSource;
  /** 0 to 1, from a stream of its own. */
  readonly jitter: () => number;
  readonly placeSpi: PlaceChildSpi | undefined;
  readonly settings: EndpointSettings;
  readonly connections: readonly ConnectionConfig[];
  now: Instant;
  outputs: EndpointOutput[];
  readonly sessions: Map<number, IkeSession>;
  readonly sessionsBySpi: Map<bigint, IkeSession>;
  /** Sessions that a peer opened, by the hash of its IKE_SA_INIT request: what tells a retransmission. */
  readonly sessionsByInitHash: Map<string, IkeSession>;
  readonly sessionsByChild: Map<number, IkeSession>;
  readonly inboundChildSpis: Set<number>;
  /** Which session waits for the answer to a request. */
  readonly awaitedAnswers: Map<number, IkeSession>;
  /** Installations that the packet path was asked for, by request. */
  readonly installations: Map<number, PendingInstallation>;
  readonly deadlines: DeadlineHeap<TimerName>;
  readonly halfOpen: HalfOpenCounter;
  readonly cookies: CookieJar;
  /** Answers to messages that nobody has authenticated. @see RFC 7296 §2.21.4 (MUST limit the rate) */
  readonly unprotectedAnswers: Allowance;
  /** Events about messages that are dropped. */
  readonly rejectionEvents: Allowance;
  /** Hints that nobody has authenticated, each looked up among all sessions. */
  readonly spiHints: Allowance;
  /** Paths that the system refused to send over, each looked up among all sessions. */
  readonly sendFailures: Allowance;
  readonly counters: { rejectedMessages: number };
  nextRequestId: number;
  nextSessionId: number;
  /** Ids of IKE SAs behind a session go down from here. */
  nextIdBehind: number;
  /** IKE SAs behind a session that have ended while this input is handled, and why. */
  readonly endedBehind: EndedBehind[];
  /** Peers that have authenticated to replace an IKE SA and wait for their turn, with the answer to go on with. */
  readonly waitingAuths: Map<IkeSession, WaitingAuth>;
  /** Sessions whose own reauthentication waits for its turn. */
  readonly waitingReauths: Set<IkeSession>;
  readonly peerSessions: PeerSessions;
  nextChildId: number;
  /** What the driver has told of our addresses; `undefined` while it has not. */
  localAddresses: LocalAddresses | undefined;
  /** NAT64s of the networks that this host was in last. */
  nat64Prefixes: readonly Prefix[];
  readonly seenEndpoints: SeenEndpoints;
  networkKey: string | undefined;
  /** What is known of the NATs of networks. */
  readonly bindingMemory: BindingMemory;
  /** Sessions whose search for the lifetime of mappings is to be looked at at the end of this input. */
  readonly bindingReviews: Set<IkeSession>;
  /** What the policies of paths are to hear of at the end of this input. */
  readonly livenessNews: Map<IkeSession, LivenessNews>;
}

/** All own addresses that can be used, in order of preference. */
export interface LocalAddresses {
  readonly addresses: readonly IpAddress[];
  readonly nat64Prefix?: Prefix;
}

/** What is told of an IKE SA behind a session, under the session's id; its opening and its end are no news to users. */
const EVENTS_FROM_BEHIND: ReadonlySet<SessionEvent['kind']> = new Set(['message', 'ike-sa-keyed']);

/** Appends an event to the outputs. */
export function raise(context: EndpointContext, event: SessionEvent): void {
  const session =
    'sessionId' in event && event.sessionId !== undefined && event.sessionId < 0
      ? context.sessions.get(event.sessionId)
      : undefined;
  if (!session) {
    context.outputs.push({ kind: 'event', event });
  } else if (EVENTS_FROM_BEHIND.has(event.kind)) {
    const shown = { ...event, sessionId: shownSession(session).id };
    context.outputs.push({ kind: 'event', event: shown });
  }
}

/** Asks the driver for slow or foreign work.
 * @returns the id that the session must wait for in its next state.
 */
export function ask(context: EndpointContext, session: IkeSession, request: Request): number {
  const requestId = context.nextRequestId;
  context.nextRequestId += 1;
  context.awaitedAnswers.set(requestId, session);
  const blocking = request.kind === 'install-child';
  context.outputs.push({ kind: 'request', requestId, blocking, request });
  return requestId;
}

/** Sets or replaces a deadline of a session. */
export function setTimer(
  context: EndpointContext,
  session: IkeSession,
  name: TimerName,
  at: Instant,
  options: {
    readonly label?: string;
    readonly toleranceMs?: number;
    readonly wake?: WakeClass;
  } = {},
): void {
  const entry = {
    sessionId: session.id,
    name,
    label: options.label ?? name,
    at,
    toleranceMs: options.toleranceMs ?? 0,
    wake: options.wake ?? 'device',
  };
  // Without a path only the way back to one, and the end, have a time.
  if (session.parked && !COUNTS_WITHOUT_PATH.has(name)) session.parked.set(name, entry);
  else context.deadlines.set(entry);
}

/** A number of `bytes` random bytes, as it stands in an SPI. */
export function randomBytes(random: RandomSource, bytes: number): Uint8Array {
  const target = new Uint8Array(bytes);
  random.fill(target);
  return target;
}

/** A fresh SPI for an IKE SA: random, not 0, and not in use here. @see RFC 7296 §2.6, §3.1 */
export function newIkeSpi(context: EndpointContext): bigint {
  for (;;) {
    const spi = new DataView(randomBytes(context.random, 8).buffer).getBigUint64(0);
    if (spi !== 0n && !context.sessionsBySpi.has(spi)) return spi;
  }
}

/** A fresh SPI for ESP packets to us: random, above the reserved 0-255, and not in use here; reserved until it is freed.
 * @see RFC 4303 §2.1
 */
export function reserveChildSpi(context: EndpointContext, session: IkeSession): number {
  for (;;) {
    const drawn = new DataView(randomBytes(context.random, 4).buffer).getUint32(0);
    const spi = drawn < 256 ? drawn : (context.placeSpi?.(drawn, spiBeside(session)) ?? drawn);
    if (spi < 256 || context.inboundChildSpis.has(spi)) continue;
    context.inboundChildSpis.add(spi);
    return spi;
  }
}

/** The SPI of a Child SA that the session has, or the one whose place it takes. */
function spiBeside({ children, takesOver }: IkeSession): number | undefined {
  const others = [...children.values(), ...(takesOver?.children.values() ?? [])];
  return others[0]?.inboundSpi;
}

/** Frees an SPI that was reserved for a Child SA that never came to be; packets that came for it are dropped. */
export function releaseChildSpi(context: EndpointContext, spi: number | undefined): void {
  if (spi === undefined || !context.inboundChildSpis.delete(spi)) return;
  context.outputs.push({ kind: 'release-spi', spi });
}
