import type { Instant, WakeClass } from '@ipsec-kit/clock';
import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import type { ConnectionConfig, EndpointSettings } from '../config.ts';
import type { EndpointOutput, Request } from '../endpoint-io.ts';
import type { SessionEvent } from '../events.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { AnswerLimiter } from './answer-limiter.ts';
import type { CookieJar } from './cookies.ts';
import type { DeadlineHeap } from './deadline-heap.ts';
import type { HalfOpenCounter } from './half-open.ts';

/** The deadlines that a session may have. */
export type TimerName =
  | 'retransmit'
  | 'init-refusal'
  | 'half-open'
  | 'dpd'
  | 'keepalive'
  | 'child-lifetime'
  | 'activation'
  | 'retired-child'
  | 'reassembly'
  | 'give-up'
  | 'linger';

/** What all functions of one endpoint share. `now` and `outputs` belong to the input that is being handled. */
export interface EndpointContext {
  readonly crypto: CryptoProvider;
  readonly random: RandomSource;
  /** 0 to 1, from a stream of its own. */
  readonly jitter: () => number;
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
  readonly deadlines: DeadlineHeap<TimerName>;
  readonly halfOpen: HalfOpenCounter;
  readonly cookies: CookieJar;
  readonly unprotectedAnswers: AnswerLimiter;
  /** Bounds the events about messages that are dropped. */
  readonly rejectionEvents: AnswerLimiter;
  readonly counters: { rejectedMessages: number };
  nextRequestId: number;
  nextSessionId: number;
  nextChildId: number;
}

/** Appends an event to the outputs. */
export function raise(context: EndpointContext, event: SessionEvent): void {
  context.outputs.push({ kind: 'event', event });
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
  context.deadlines.set({
    sessionId: session.id,
    name,
    label: options.label ?? name,
    at,
    toleranceMs: options.toleranceMs ?? 0,
    wake: options.wake ?? 'device',
  });
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
export function reserveChildSpi(context: EndpointContext): number {
  for (;;) {
    const spi = new DataView(randomBytes(context.random, 4).buffer).getUint32(0);
    if (spi < 256 || context.inboundChildSpis.has(spi)) continue;
    context.inboundChildSpis.add(spi);
    return spi;
  }
}
