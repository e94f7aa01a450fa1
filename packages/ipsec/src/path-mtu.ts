import { addMs, type Deadline, type Instant } from '@ipsec-kit/clock';
import {
  isSearchOver,
  nextCandidate,
  SEARCH_STEP_BYTES,
  type SearchRange,
} from './path-mtu-candidates.ts';
import type {
  PathMtuInput,
  PathMtuOptions,
  PathMtuOutput,
  PathMtuReason,
} from './path-mtu-contract.ts';
import { pathMtuDeadline } from './path-mtu-deadline.ts';
import { leftIdle, usedAgain } from './path-mtu-idle.ts';
import type { FoundState, PathMtuState, Trial, TryingState } from './path-mtu-state.ts';
import { LEAST_WAIT_MS, PathMtuTrials } from './path-mtu-trials.ts';
import { requireRange } from './require-range.ts';

/** What is used until more is known: what every IPv6 link carries, and nearly every IPv4 path. @see RFC 8899 §5.1.2 */
export const BASE_PATH_MTU = 1280;

/** Below this a path carries no tunnel. @see RFC 8200 §5, RFC 1122 §3.3.3 (IPv4 hosts take 576) */
const LEAST_BYTES = { 4: 576, 6: 1280 } as const;
const MOST_BYTES = 65535;
/** Pauses while nothing comes through at all: doubled each time. */
const FIRST_PAUSE_MS = 5_000;
const MOST_PAUSE_MS = 300_000;

/** Finds how large a packet a path carries, by probes and not by what ICMP says, and notices when that gets less.
 *
 * A size counts as too large when it is lost again and again while a smaller one, sent right behind it, comes through; what is
 * lost together with the smaller one, on an overloaded path or in an outage, says nothing about sizes.
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
  readonly #trials: PathMtuTrials;
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
    this.#trials = new PathMtuTrials((probeId, bytes) => {
      this.#outputs.push({ kind: 'probe', probeId, bytes });
    });
  }

  get bytes(): number {
    return this.#bytes;
  }

  handle(input: PathMtuInput): readonly PathMtuOutput[] {
    const { now } = input;
    switch (input.kind) {
      case 'path':
        this.#hint = undefined;
        this.#trials.forgetRoundTrip();
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
        this.#onTraffic(now, input.outPackets);
        break;
      case 'timeout':
        this.#onTimeout(now);
        break;
    }
    return this.#outputs.splice(0);
  }

  nextDeadline(): Deadline | undefined {
    return pathMtuDeadline(this.#state, this.#bytes < this.#most, this.#confirmMs);
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
    const state = this.#state;
    if (state.kind === 'found' && mtu < this.#bytes) this.#confirm(now, state.raiseAt);
    else if (state.kind === 'searching') this.#divert(now, state, mtu);
  }

  /** RFC 8899 §4.6.2: the size told is tried next. The largest one, which is tried now, counts as neither lost nor too large;
   * what was diverted to is tried to its end, and gains something, so that no flood of hints keeps the search from ending.
   */
  #divert(now: Instant, state: Extract<PathMtuState, { kind: 'searching' }>, mtu: number): void {
    const { range, trial } = state;
    const isLargest = trial.bytes === range.mostBytes && range.highBytes > range.mostBytes;
    const isGain = mtu > range.lowBytes + SEARCH_STEP_BYTES && mtu < trial.bytes;
    if (isLargest && isGain) this.#goOn(now, range);
  }

  #onAnswer(now: Instant, probeId: number): void {
    const state = this.#state;
    if (!('trial' in state)) return;
    const answer = this.#trials.answered(now, state.trial, probeId);
    if (answer.kind === 'waits') this.#state = { ...state, trial: answer.trial };
    else if (answer.kind === 'came') this.#onCame(now, state);
    else if (answer.kind === 'too-large') this.#onTooLarge(now, state);
  }

  #onCame(now: Instant, state: TryingState): void {
    const { bytes } = state.trial;
    switch (state.kind) {
      case 'searching':
        this.#goOn(now, { ...state.range, lowBytes: bytes });
        return;
      case 'confirming':
        this.#rest(now, state.raiseAt);
        return;
      case 'starting-over':
        if (this.#bytes > bytes) {
          // The path is back: what came through before it went is asked for first, and then for more.
          this.#confirm(now, now);
        } else {
          this.#goOn(now, { lowBytes: bytes, highBytes: this.#most + 1, mostBytes: this.#most });
        }
    }
  }

  #onTooLarge(now: Instant, state: TryingState): void {
    const { bytes, controlBytes = this.#least } = state.trial;
    if (state.kind === 'searching') {
      this.#goOn(now, { ...state.range, highBytes: bytes });
      return;
    }
    // What is in use, or was thought to work everywhere: a black hole. RFC 8899 §4.3
    this.#use(controlBytes, 'lost');
    this.#goOn(now, { lowBytes: controlBytes, highBytes: bytes, mostBytes: this.#most });
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
        if (now >= state.trial.waitUntil) this.#onUnanswered(now, state);
    }
  }

  #onUnanswered(now: Instant, state: TryingState): void {
    const silence = this.#trials.again(now, state.trial);
    if (silence.kind === 'waits') this.#state = { ...state, trial: silence.trial };
    else if (state.kind === 'starting-over') this.#pause(now, state.pauseMs);
    else if (silence.kind === 'silent') this.#onSilent(now);
    // Little is answered at all: it is tried again when the path has less to carry.
    else this.#rest(now, addMs(now, this.#confirmMs));
  }

  #onTraffic(now: Instant, outPackets: number): void {
    const state = this.#state;
    this.#trials.noteTraffic(outPackets);
    const isIdle = state.kind === 'found' && state.idleMs !== undefined;
    if (isIdle && this.#trials.hasMore) this.#state = usedAgain(now, state, this.#confirmMs);
  }

  #onFoundTimeout(now: Instant, state: FoundState): void {
    const due = this.nextDeadline();
    if (due === undefined || now < due.at) return;
    const { hasMore } = this.#trials;
    this.#trials.noteLook();
    const mayRaise = this.#bytes < this.#most && now >= state.raiseAt;
    // RFC 8899 §5.1.1: MAY inhibit probes while there is no data; nothing is lost on a path that nobody uses.
    if (this.#trials.isIdle) {
      this.#state = leftIdle(now, state, hasMore, this.#confirmMs);
    } else if (mayRaise) {
      this.#search(now);
    } else {
      this.#confirm(now, state.raiseAt);
    }
  }

  /** Neither a size nor its control is answered: nothing is known but that. */
  #onSilent(now: Instant): void {
    this.#outputs.push({ kind: 'silent' });
    this.#startOver(now, FIRST_PAUSE_MS);
  }

  #pause(now: Instant, pauseMs: number): void {
    const longer = Math.min(pauseMs * 2, MOST_PAUSE_MS);
    this.#state = { kind: 'pausing', until: addMs(now, pauseMs), pauseMs: longer };
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
    // Nothing is known to be too large before something was refused or came through.
    const isOpen = this.#reason === 'base' && range.highBytes > range.mostBytes;
    this.#use(range.lowBytes, isOpen && range.lowBytes === this.#bytes ? 'base' : 'searching');
    const candidate = nextCandidate(range, this.#hint);
    if (candidate === this.#hint) this.#hint = undefined;
    const trial = this.#try(now, candidate, range.lowBytes);
    this.#state = { kind: 'searching', range, trial };
  }

  #confirm(now: Instant, raiseAt: Instant): void {
    const control = this.#bytes > this.#base ? this.#base : this.#least;
    this.#state = { kind: 'confirming', trial: this.#try(now, this.#bytes, control), raiseAt };
  }

  #startOver(now: Instant, pauseMs: number): void {
    const trial = this.#try(now, Math.min(this.#base, this.#most), this.#least);
    this.#state = { kind: 'starting-over', trial, pauseMs };
  }

  #try(now: Instant, bytes: number, control: number): Trial {
    return this.#trials.begin(now, bytes, bytes > control ? control : undefined);
  }

  #rest(now: Instant, raiseAt: Instant): void {
    this.#state = { kind: 'found', raiseAt, confirmAt: addMs(now, this.#confirmMs) };
  }

  #setMost(linkMtu: number): void {
    requireRange('linkMtu', linkMtu, 0, MOST_BYTES);
    this.#most = Math.max(linkMtu, this.#least);
  }

  #use(bytes: number, reason: PathMtuReason): void {
    const isKnown = reason !== 'base' && this.#reason === 'base';
    const isFound = reason === 'found' && this.#reason !== 'found';
    const isNews = bytes !== this.#bytes || isKnown || isFound;
    this.#bytes = bytes;
    if (!isNews) return;
    this.#reason = reason;
    this.#outputs.push({ kind: 'path-mtu', bytes, reason });
  }
}
