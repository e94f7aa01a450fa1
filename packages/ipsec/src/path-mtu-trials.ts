import { addMs, type Instant, msBetween } from '@ipsec-kit/clock';
import type { Trial } from './path-mtu-state.ts';

/** How long an answer is waited for: 4 round trips, and 1 s at least. RFC 8899 §5.1.1 would have 15 s (SHOULD) for those
 * who know no round trip; a tunnel that hangs for a minute is what this is to prevent.
 */
export const LEAST_WAIT_MS = 1_000;
const MOST_WAIT_MS = 15_000;
const FIRST_WAIT_MS = 2_000;
const ROUND_TRIPS = 4;
/** How often a size is tried. @see RFC 8899 §5.1.2 (MAX_PROBES) */
const TRIES = 3;
/** Ids begin anew behind this: they fit the sequence number of an echo. */
const MOST_PROBE_ID = 65535;

/** Sends the probes of one path: numbers them, tells their answers apart, and knows how long to wait for one. */
export class PathMtuTrials {
  readonly #send: (probeId: number, bytes: number) => void;
  #nextId = 1;
  #probes = 0;
  #roundTripMs: number | undefined;
  #outPackets: number | undefined;
  /** Packets of others when the path was probed last. */
  #packetsAtProbe = 0;

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

  /** Whether nobody has used the path since it was probed; never where traffic is not told. */
  get isIdle(): boolean {
    return (
      this.#outPackets !== undefined && this.#outPackets - this.#probes <= this.#packetsAtProbe
    );
  }

  begin(now: Instant, bytes: number): Trial {
    const firstId = this.#nextId;
    this.#probe(bytes);
    return { bytes, firstId, sentAt: [now], waitUntil: addMs(now, this.#waitMs) };
  }

  /** Tries the size once more. @returns nothing when that was done often enough: it is lost. */
  again(now: Instant, trial: Trial): Trial | undefined {
    if (trial.sentAt.length >= TRIES) return undefined;
    this.#probe(trial.bytes);
    return { ...trial, sentAt: [...trial.sentAt, now], waitUntil: addMs(now, this.#waitMs) };
  }

  /** Whether it is one of the trial's probes that was answered; its round trip is noted then. */
  isAnswered(now: Instant, trial: Trial, probeId: number): boolean {
    const sentAt = trial.sentAt[(probeId - trial.firstId + MOST_PROBE_ID) % MOST_PROBE_ID];
    if (sentAt === undefined) return false;
    this.#roundTripMs = Math.max(msBetween(sentAt, now), 0);
    return true;
  }

  #probe(bytes: number): void {
    this.#send(this.#nextId, bytes);
    this.#packetsAtProbe = (this.#outPackets ?? 0) - this.#probes;
    this.#nextId = (this.#nextId % MOST_PROBE_ID) + 1;
    this.#probes += 1;
  }

  get #waitMs(): number {
    if (this.#roundTripMs === undefined) return FIRST_WAIT_MS;
    return Math.min(Math.max(this.#roundTripMs * ROUND_TRIPS, LEAST_WAIT_MS), MOST_WAIT_MS);
  }
}
