import { addMs, type Deadline, earlierOf, type Instant, msBetween } from '@ipsec-kit/clock';
import { isSearchOver, nextCandidate, type SearchRange } from './path-mtu-candidates.ts';
import type {
  PathMtuInput,
  PathMtuOptions,
  PathMtuOutput,
  PathMtuReason,
} from './path-mtu-contract.ts';
import type { PathMtuState, Trial } from './path-mtu-state.ts';

/** What is used until more is known: what every IPv6 link carries, and nearly every IPv4 path. @see RFC 8899 §5.1.2 */
export const BASE_PATH_MTU = 1280;

/** Below this a path carries no tunnel. @see RFC 8200 §5, RFC 1122 §3.3.3 (IPv4 hosts take 576) */
const LEAST_BYTES = { 4: 576, 6: 1280 } as const;
const MOST_BYTES = 65535;
/** How often a size is tried. @see RFC 8899 §5.1.2 (MAX_PROBES) */
const TRIES = 3;
/** How long an answer is waited for: 4 round trips, and 1 s at least. RFC 8899 §5.1.1 would have 15 s (SHOULD) for those
 * who know no round trip; a tunnel that hangs for a minute is what this is to prevent.
 */
const LEAST_WAIT_MS = 1_000;
const MOST_WAIT_MS = 15_000;
const FIRST_WAIT_MS = 2_000;
const ROUND_TRIPS = 4;
/** Pauses while nothing comes through at all: doubled each time. */
const FIRST_PAUSE_MS = 5_000;
const MOST_PAUSE_MS = 300_000;
const PROBE_TOLERANCE_MS = 250;
/** Ids begin anew behind this: they fit the sequence number of an echo. */
const MOST_PROBE_ID = 65535;

/** Finds how large a packet a path carries, by probes and not by what ICMP says, and notices when that gets less.
 *
 * A size counts as too large when it was lost three times while a smaller one came through right afterwards; a size that
 * has come through and is lost three times starts the search over, from the base size.
 */
export interface PathMtu {
  /** The size to use now. */
  readonly bytes: number;
  /** @returns what is to be done, in order. */
  handle(input: PathMtuInput): readonly PathMtuOutput[];
  /** When to hand in a `timeout`; `undefined` while there is nothing to wait for. */
  nextDeadline(): Deadline | undefined;
}

/** Makes one for one path, which is not probed until it is named.
 * @throws when an option is out of range. @see RFC 8899 §5, RFC 4821
 */
export function createPathMtu(options: PathMtuOptions): PathMtu {
  return new PathMtuMachine(options);
}

class PathMtuMachine implements PathMtu {
  readonly #least: number;
  readonly #base: number;
  readonly #raiseMs: number;
  readonly #confirmMs: number;
  #state: PathMtuState = { kind: 'stopped' };
  #most: number;
  #hint: number | undefined;
  #roundTripMs: number | undefined;
  #nextId = 1;
  #probes = 0;
  #outPackets: number | undefined;
  /** Packets of others when the path was probed last. */
  #packetsAtProbe = 0;
  #reason: PathMtuReason = 'base';
  readonly #outputs: PathMtuOutput[] = [];
  #bytes: number;

  constructor(options: PathMtuOptions) {
    const { outerVersion, baseBytes = BASE_PATH_MTU } = options;
    const { raiseMs = 600_000, confirmMs = 60_000 } = options;
    this.#least = LEAST_BYTES[outerVersion];
    requireRange('baseBytes', baseBytes, this.#least, MOST_BYTES);
    requireRange('raiseMs', raiseMs, LEAST_WAIT_MS, Number.MAX_SAFE_INTEGER);
    requireRange('confirmMs', confirmMs, LEAST_WAIT_MS, Number.MAX_SAFE_INTEGER);
    this.#base = baseBytes;
    this.#raiseMs = raiseMs;
    this.#confirmMs = confirmMs;
    this.#most = baseBytes;
    this.#bytes = baseBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  handle(input: PathMtuInput): readonly PathMtuOutput[] {
    const { now } = input;
    switch (input.kind) {
      case 'path':
        this.#hint = undefined;
        this.#roundTripMs = undefined;
        this.#setMost(input.linkMtu);
        // Whatever was told of another path is void.
        this.#bytes = 0;
        this.#use(Math.min(this.#base, this.#most), 'base');
        this.#search(now);
        break;
      case 'stop':
        this.#state = { kind: 'stopped' };
        break;
      case 'link':
        this.#onLink(now, input.linkMtu);
        break;
      case 'answered':
        this.#onAnswer(now, input.probeId);
        break;
      case 'too-big':
        this.#onTooBig(now, input.mtu);
        break;
      case 'suspect':
        if (this.#state.kind === 'found') this.#confirm(now, this.#state.raiseAt);
        break;
      case 'traffic':
        this.#outPackets = input.outPackets;
        break;
      case 'timeout':
        this.#onTimeout(now);
        break;
    }
    return this.#outputs.splice(0);
  }

  nextDeadline(): Deadline | undefined {
    const state = this.#state;
    switch (state.kind) {
      case 'stopped':
        return undefined;
      case 'found': {
        const isComplete = this.#bytes >= this.#most;
        const at = isComplete ? state.confirmAt : earlierOf(state.raiseAt, state.confirmAt);
        return deadline('path-mtu-probe', at, this.#confirmMs / 4);
      }
      case 'pausing':
        return deadline('path-mtu-retry', state.until, state.pauseMs / 4);
      default:
        return deadline('path-mtu-answer', state.trial.waitUntil, PROBE_TOLERANCE_MS);
    }
  }

  #onLink(now: Instant, linkMtu: number): void {
    const before = this.#most;
    this.#setMost(linkMtu);
    if (this.#state.kind === 'stopped' || this.#most === before) return;
    if (this.#bytes > this.#most) this.#use(this.#most, 'link');
    this.#search(now);
  }

  #onTooBig(now: Instant, mtu: number): void {
    if (!(mtu >= this.#least && mtu < this.#most)) return;
    this.#hint = mtu;
    if (this.#state.kind !== 'found' || mtu >= this.#bytes) return;
    this.#confirm(now, this.#state.raiseAt);
  }

  #onAnswer(now: Instant, probeId: number): void {
    const state = this.#state;
    if (!('trial' in state)) return;
    const { trial } = state;
    const sentAt = trial.sentAt[(probeId - trial.firstId + MOST_PROBE_ID) % MOST_PROBE_ID];
    if (sentAt === undefined) return;
    this.#roundTripMs = Math.max(msBetween(sentAt, now), 0);
    switch (state.kind) {
      case 'searching':
        this.#goOn(now, { ...state.range, lowBytes: trial.bytes });
        return;
      case 'checking':
        // The smaller one came through: it was the size.
        this.#goOn(now, { ...state.range, highBytes: state.failedBytes });
        return;
      case 'confirming':
        this.#rest(now, state.raiseAt);
        return;
      case 'starting-over': {
        const isBase = trial.bytes === Math.min(this.#base, this.#most);
        const highBytes = isBase ? this.#most + 1 : this.#base;
        this.#goOn(now, { lowBytes: trial.bytes, highBytes, mostBytes: this.#most });
        return;
      }
    }
  }

  #onTimeout(now: Instant): void {
    const state = this.#state;
    switch (state.kind) {
      case 'stopped':
        return;
      case 'pausing':
        if (now >= state.until) this.#startOver(now, state.pauseMs);
        return;
      case 'found':
        this.#onFoundTimeout(now, state);
        return;
      default:
        if (now < state.trial.waitUntil) return;
        if (state.trial.sentAt.length < TRIES) this.#tryAgain(now, state);
        else this.#onLost(now, state);
    }
  }

  #onFoundTimeout(now: Instant, state: Extract<PathMtuState, { kind: 'found' }>): void {
    const mayRaise = this.#bytes < this.#most && now >= state.raiseAt;
    if (!mayRaise && now < state.confirmAt) return;
    // RFC 8899 §5.1.1: MAY inhibit probes while there is no data; nothing is lost on a path that nobody uses.
    if (this.#isIdle()) {
      const raiseAt = mayRaise ? addMs(now, this.#confirmMs) : state.raiseAt;
      this.#state = { kind: 'found', raiseAt, confirmAt: addMs(now, this.#confirmMs) };
    } else if (mayRaise) {
      this.#search(now);
    } else {
      this.#confirm(now, state.raiseAt);
    }
  }

  /** Three probes of one size were lost. */
  #onLost(now: Instant, state: Extract<PathMtuState, { trial: Trial }>): void {
    const { bytes } = state.trial;
    switch (state.kind) {
      case 'searching': {
        const { range } = state;
        const trial = this.#send(now, range.lowBytes);
        this.#state = { kind: 'checking', range, failedBytes: bytes, trial };
        return;
      }
      case 'checking':
      case 'confirming':
        this.#hint ??= this.#bytes;
        this.#use(Math.min(this.#base, this.#bytes), 'lost');
        this.#startOver(now, FIRST_PAUSE_MS);
        return;
      case 'starting-over':
        if (bytes > this.#least) {
          const trial = this.#send(now, this.#least);
          this.#state = { kind: 'starting-over', trial, pauseMs: state.pauseMs };
          return;
        }
        this.#state = {
          kind: 'pausing',
          until: addMs(now, state.pauseMs),
          pauseMs: Math.min(state.pauseMs * 2, MOST_PAUSE_MS),
        };
    }
  }

  /** Looks for more than the size in use. */
  #search(now: Instant): void {
    const lowBytes = Math.min(this.#bytes, this.#most);
    this.#goOn(now, { lowBytes, highBytes: this.#most + 1, mostBytes: this.#most });
  }

  #goOn(now: Instant, range: SearchRange): void {
    if (isSearchOver(range)) {
      this.#use(range.lowBytes, 'found');
      this.#rest(now, addMs(now, this.#raiseMs));
      return;
    }
    this.#use(range.lowBytes, 'searching');
    const candidate = nextCandidate(range, this.#hint);
    if (candidate === this.#hint) this.#hint = undefined;
    this.#state = { kind: 'searching', range, trial: this.#send(now, candidate) };
  }

  #confirm(now: Instant, raiseAt: Instant): void {
    this.#state = { kind: 'confirming', trial: this.#send(now, this.#bytes), raiseAt };
  }

  #startOver(now: Instant, pauseMs: number): void {
    const trial = this.#send(now, Math.min(this.#base, this.#most));
    this.#state = { kind: 'starting-over', trial, pauseMs };
  }

  #rest(now: Instant, raiseAt: Instant): void {
    this.#state = { kind: 'found', raiseAt, confirmAt: addMs(now, this.#confirmMs) };
  }

  #send(now: Instant, bytes: number): Trial {
    const firstId = this.#nextId;
    this.#probe(bytes);
    return { bytes, firstId, sentAt: [now], waitUntil: addMs(now, this.#waitMs) };
  }

  #tryAgain(now: Instant, state: Extract<PathMtuState, { trial: Trial }>): void {
    const { trial } = state;
    this.#probe(trial.bytes);
    const sentAt = [...trial.sentAt, now];
    this.#state = { ...state, trial: { ...trial, sentAt, waitUntil: addMs(now, this.#waitMs) } };
  }

  #probe(bytes: number): void {
    this.#outputs.push({ kind: 'probe', probeId: this.#nextId, bytes });
    this.#packetsAtProbe = (this.#outPackets ?? 0) - this.#probes;
    this.#nextId = (this.#nextId % MOST_PROBE_ID) + 1;
    this.#probes += 1;
  }

  get #waitMs(): number {
    if (this.#roundTripMs === undefined) return FIRST_WAIT_MS;
    return Math.min(Math.max(this.#roundTripMs * ROUND_TRIPS, LEAST_WAIT_MS), MOST_WAIT_MS);
  }

  #isIdle(): boolean {
    return (
      this.#outPackets !== undefined && this.#outPackets - this.#probes <= this.#packetsAtProbe
    );
  }

  #setMost(linkMtu: number): void {
    requireRange('linkMtu', linkMtu, 0, MOST_BYTES);
    this.#most = Math.max(linkMtu, this.#least);
  }

  #use(bytes: number, reason: PathMtuReason): void {
    const isNews = bytes !== this.#bytes || (reason === 'found' && this.#reason !== 'found');
    this.#bytes = bytes;
    if (!isNews) return;
    this.#reason = reason;
    this.#outputs.push({ kind: 'path-mtu', bytes, reason });
  }
}

/** No device is woken for a probe: while it sleeps nothing is too large. */
function deadline(name: string, at: Instant, toleranceMs: number): Deadline {
  return { name, at, toleranceMs, wake: 'process' };
}

function requireRange(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`"${name}" expected ${least} to ${most}, got ${value}`);
  }
}
