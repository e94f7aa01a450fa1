import type { Path } from '@ipsec-kit/ip';
import type { Fact, SaPairCounters } from '@ipsec-kit/ipsec';
import { CLOCK_BOOTTIME, loadTimerCalls } from '@ipsec-kit/posix';

/** Silence after which the next outbound packet is a fact: a flow begins, and whoever keeps the path alive looks at it again. */
const SILENCE_MS = 1_000;

/** What the packet path noticed: facts of the engine, and of its own. */
export type PathFact =
  | Fact
  /** The first outbound packet of a pair after a second of silence, or the first of all. */
  | { readonly kind: 'outbound-resumed'; readonly pairId: number }
  | TooBigFact
  | KeepaliveFact
  | SendFailedFact;

/** What a pair sends is too big for a hop of its path. A `router` that says so has seen a packet of the pair, or guessed its SPI:
 * a hint, and no more. A `link` is that of this host.
 */
export interface TooBigFact {
  readonly kind: 'too-big-outside';
  readonly pairId: number;
  /** Bytes of the outer packet, as it was told: 0 to 2^32 - 1. */
  readonly mtu: number;
  readonly by: 'router' | 'link';
}

/** A NAT-keepalive came in: it says where a NAT maps whoever sent it, and proves nothing. @see RFC 3948 §2.3 */
export interface KeepaliveFact {
  readonly kind: 'keepalive-received';
  readonly path: Path;
}

/** The system refused to send over a path that does not lead anywhere now. Told of each IKE message and keepalive, and at each look
 * at the pairs of the last packet that was refused.
 */
export interface SendFailedFact {
  readonly kind: 'send-failed';
  readonly path: Path;
}

/** Reasons that are about the way to the peer, and not about the datagram. */
const NO_WAY: ReadonlySet<string> = new Set([
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
]);

/** What a refused datagram says about its path. @param code - as the system names it: `EHOSTUNREACH`. */
export function sendFailedFacts(path: Path, code: string): readonly SendFailedFact[] {
  return NO_WAY.has(code)
    ? [{ kind: 'send-failed', path: { local: path.local, remote: path.remote } }]
    : [];
}

/** Takes the paths of keepalives as facts. */
export function keepaliveFacts(paths: Path[]): readonly KeepaliveFact[] {
  return paths.splice(0).map((path) => ({ kind: 'keepalive-received', path }));
}

/** How long ago packets of a pair passed last, in milliseconds; absent before the first. Inbound means authenticated. */
export interface PairActivity {
  readonly lastInboundAgoMs?: number;
  readonly lastOutboundAgoMs?: number;
}

const COUNTERS: readonly (keyof SaPairCounters)[] = [
  'inPackets',
  'inBytes',
  'outPackets',
  'outBytes',
  'replayedPackets',
];
const IN_PACKETS = 0;
const OUT_PACKETS = 2;
/** Behind the counters: when packets passed last, in milliseconds. */
const LAST_INBOUND: number = COUNTERS.length;
const LAST_OUTBOUND: number = LAST_INBOUND + 1;
const NEVER = Number.NEGATIVE_INFINITY;
const PAIR_BYTES: number = (COUNTERS.length + 2) * 8;

/** Memory for the counters and stamps of one pair: numbers of 64 bits, each written by one thread alone and at once. */
export function newPairNumbers(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(PAIR_BYTES);
  new Float64Array(memory).fill(NEVER, LAST_INBOUND);
  return memory;
}

/** Writes the counters of a pair, and stamps what has moved since the last time.
 * @param passedAtMs - when packets passed last, of whatever pair.
 * @returns whether the pair sends again after a second of silence.
 */
export function writePairNumbers(
  numbers: Float64Array,
  counters: SaPairCounters,
  passedAtMs: number,
): boolean {
  const hasReceived = counters.inPackets > (numbers[IN_PACKETS] ?? 0);
  const hasSent = counters.outPackets > (numbers[OUT_PACKETS] ?? 0);
  const silentMs = passedAtMs - (numbers[LAST_OUTBOUND] ?? NEVER);
  for (let i = 0; i < COUNTERS.length; i += 1) {
    const name = COUNTERS[i];
    if (name !== undefined) numbers[i] = counters[name];
  }
  if (hasReceived) numbers[LAST_INBOUND] = passedAtMs;
  if (hasSent) numbers[LAST_OUTBOUND] = passedAtMs;
  return hasSent && silentMs >= SILENCE_MS;
}

/** The counters of a pair, as they were written last. */
export function readPairCounters(numbers: Float64Array): SaPairCounters {
  const [inPackets = 0, inBytes = 0, outPackets = 0, outBytes = 0, replayedPackets = 0] = numbers;
  return { inPackets, inBytes, outPackets, outBytes, replayedPackets };
}

/** The age of the stamps of a pair at `nowMs` of the clock that they were made with. */
export function readPairActivity(numbers: Float64Array, nowMs: number): PairActivity {
  const inboundAt = numbers[LAST_INBOUND] ?? NEVER;
  const outboundAt = numbers[LAST_OUTBOUND] ?? NEVER;
  return {
    ...(inboundAt > NEVER ? { lastInboundAgoMs: Math.max(0, nowMs - inboundAt) } : {}),
    ...(outboundAt > NEVER ? { lastOutboundAgoMs: Math.max(0, nowMs - outboundAt) } : {}),
  };
}

/** A clock in milliseconds that reads the same in all threads of this machine: one that counts suspend, where there is FFI. */
export function passingClock(): () => number {
  const loaded = loadTimerCalls();
  if (loaded.ok) return () => loaded.calls.clockMs(CLOCK_BOOTTIME);
  return () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1_000 + nanoseconds / 1e6;
  };
}
