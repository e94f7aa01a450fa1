import { addMs, type Instant, msBetween } from '@ipsec-kit/clock';
import type { Trial } from './path-mtu-state.ts';

/** How long an answer is waited for: 4 round trips, and 1 s at least. RFC 8899 §5.1.1 would have 15 s (SHOULD) for those
 * who know no round trip; a tunnel that hangs for a minute is what this is to prevent.
 */
export const LEAST_WAIT_MS = 1_000;
const MOST_WAIT_MS = 15_000;
const FIRST_WAIT_MS = 2_000;
const ROUND_TRIPS = 4;
/** How often a size is tried whose control is lost, too, or that has none. @see RFC 8899 §5.1.2 (MAX_PROBES) */
const TRIES = 3;
/** How many controls have to be answered while the size is not, before it is too large: more on a path that loses controls, as an
 * overloaded one does. There each answer is that of a control by chance in one of two cases.
 */
const CONTROLS = 3;
const CONTROLS_ON_LOSS = 8;
/** Then a path loses so much that nothing can be said about sizes. */
const MOST_TRIES = 24;
/** Packets that may be no more than our host's answers to a probe of the peer and its control. Two ends that took them for use would
 * keep each other probing for ever.
 */
const MOST_ANSWERS = 2;
/** Ids begin anew behind this: they fit the sequence number of an echo. */
const MOST_PROBE_ID = 65535;

/** What an answer says of a trial: it was none of its probes, the size comes through, or it does not; or it goes on. */
export type TrialAnswer =
  | { readonly kind: 'strange' | 'came' | 'too-large' }
  | { readonly kind: 'waits'; readonly trial: Trial };

/** What a trial comes to without an answer: it goes on, nothing at all is answered, or too little to tell sizes apart. */
export type TrialSilence =
  | { readonly kind: 'waits'; readonly trial: Trial }
  | { readonly kind: 'silent' | 'unclear' };

/** Sends the probes of one path: numbers them, tells their answers apart, and knows how long to wait for one. */
export class PathMtuTrials {
  readonly #send: (probeId: number, bytes: number) => void;
  #nextId = 1;
  #probes = 0;
  #roundTripMs: number | undefined;
  #outPackets: number | undefined;
  /** Packets of others when the path was probed last. */
  #packetsAtProbe = 0;
  /** The same when it was looked at last. */
  #packetsAtLook = 0;

  constructor(send: (probeId: number, bytes: number) => void) {
    this.#send = send;
  }

  /** Nothing is known of how long an answer takes. */
  forgetRoundTrip(): void {
    this.#roundTripMs = undefined;
  }

  /** @param outPackets - in all, probes included. */
  noteTraffic(outPackets: number): void {
    this.#outPackets = outPackets;
  }

  /** Whether nobody has used the path since it was probed, but to answer the peer; never where traffic is not told. */
  get isIdle(): boolean {
    return this.#outPackets !== undefined && this.#others <= this.#packetsAtProbe + MOST_ANSWERS;
  }

  /** Whether anybody has sent anything since the last look. */
  get hasMore(): boolean {
    return this.#others > this.#packetsAtLook;
  }

  /** What was sent is known. */
  noteLook(): void {
    this.#packetsAtLook = this.#others;
  }

  get #others(): number {
    return (this.#outPackets ?? 0) - this.#probes;
  }

  /** @param controlBytes - a smaller size that is known or thought to come through; absent where there is none. */
  begin(now: Instant, bytes: number, controlBytes?: number): Trial {
    const firstId = this.#nextId;
    this.#probe(bytes);
    const waitUntil = addMs(now, this.#waitMs);
    return { bytes, controlBytes, firstId, sentAt: [now], controls: [], waitUntil };
  }

  /** Nobody has answered in time: tries the size once more, with its control, unless that was done often enough. */
  again(now: Instant, trial: Trial): TrialSilence {
    const { bytes, controlBytes, sentAt, controls } = trial;
    const tries = triesOf(trial);
    const silentTries = controlBytes === undefined ? TRIES : TRIES + 1;
    if (controls.length === 0 && tries >= silentTries) return { kind: 'silent' };
    if (tries >= MOST_TRIES) return { kind: 'unclear' };
    this.#probe(bytes);
    if (controlBytes !== undefined) this.#probe(controlBytes);
    const more = controlBytes === undefined ? [now] : [now, now];
    const waitUntil = addMs(now, this.#waitMs);
    return { kind: 'waits', trial: { ...trial, sentAt: [...sentAt, ...more], waitUntil } };
  }

  /** Takes an answer; the round trip of one of the trial's probes is noted. */
  answered(now: Instant, trial: Trial, probeId: number): TrialAnswer {
    const place = (probeId - trial.firstId + MOST_PROBE_ID) % MOST_PROBE_ID;
    const sentAt = trial.sentAt[place];
    if (sentAt === undefined) return { kind: 'strange' };
    this.#roundTripMs = Math.max(msBetween(sentAt, now), 0);
    const isControl = trial.controlBytes !== undefined && place > 0 && place % 2 === 0;
    if (!isControl) return { kind: 'came' };
    if (trial.controls.includes(place)) return { kind: 'strange' };
    const controls = [...trial.controls, place];
    const hasLost = controls.length < triesOf(trial) - 1;
    if (controls.length >= (hasLost ? CONTROLS_ON_LOSS : CONTROLS)) return { kind: 'too-large' };
    return { kind: 'waits', trial: { ...trial, controls } };
  }

  #probe(bytes: number): void {
    this.#send(this.#nextId, bytes);
    this.#packetsAtProbe = this.#others;
    this.#nextId = (this.#nextId % MOST_PROBE_ID) + 1;
    this.#probes += 1;
  }

  get #waitMs(): number {
    if (this.#roundTripMs === undefined) return FIRST_WAIT_MS;
    return Math.min(Math.max(this.#roundTripMs * ROUND_TRIPS, LEAST_WAIT_MS), MOST_WAIT_MS);
  }
}

/** How often the size itself was sent. */
function triesOf({ controlBytes, sentAt }: Trial): number {
  return controlBytes === undefined ? sentAt.length : 1 + (sentAt.length - 1) / 2;
}
