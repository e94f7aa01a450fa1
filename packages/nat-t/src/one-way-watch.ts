import { addMs, type Deadline, type Instant, msBetween } from '@ipsec-kit/clock';
import type { TrafficRecord } from './traffic-stamps.ts';

/** Outbound ESP packets without an answer from which silence is suspicious. */
const LEAST_PACKETS = 3;
/** Shortest silence that is suspicious, and its length in round trips. */
const LEAST_SILENCE_MS = 1_000;
const ROUND_TRIPS = 4;
/** Shortest time between two suspicions. */
const PAUSE_MS = 10_000;
/** How often a flow that is in use is looked at. */
const LOOK_MS = 250;
/** How late the look may be at the end of a silence. */
const END_TOLERANCE_MS = 20;

/** Notices that the peer went silent while we are sending: the mapping of a *busy* host may be gone, which nothing else notices,
 * since a host that sends all the time never comes to a keepalive.
 *
 * Silence counts from the first packet that had no answer, so a flow that was idle is not suspected at its first packet. Only
 * a flow that has been two-way is: after a suspicion it must be heard again before the next.
 */
export class OneWayWatch {
  #packets = 0;
  /** Outbound packets at the time of the last inbound one. */
  #answeredPackets = 0;
  #heardAt: Instant | undefined;
  #unansweredSince: Instant | undefined;
  #isTwoWay = false;
  #suspectedAt: Instant | undefined;
  #sentAt: Instant | undefined;

  /** Takes a sample of the traffic.
   * @param packets - outbound ESP packets in all; it may start over with a new counter.
   */
  onSample(now: Instant, packets: number, traffic: TrafficRecord): void {
    if (packets < this.#packets) this.#answeredPackets = packets;
    if (packets !== this.#packets) this.#sentAt = now;
    this.#packets = packets;
    const heardAt = traffic.lastInbound;
    // What came at the same instant as before says as much, where nothing has left since.
    const isAnswered = traffic.outEsp !== undefined && traffic.outEsp <= heardAt;
    if (this.#heardAt === undefined || heardAt > this.#heardAt || isAnswered) {
      this.#heardAt = heardAt;
      this.#answeredPackets = packets;
      this.#unansweredSince = undefined;
    }
    if (traffic.inEsp !== undefined && (this.#suspectedAt ?? -1) < traffic.inEsp) {
      this.#isTwoWay = true;
    }
    // The stamp of the newest packet, not of the first: late rather than early.
    if (packets > this.#answeredPackets) this.#unansweredSince ??= traffic.outEsp ?? now;
  }

  /** Whether the flow has gone one-way; a yes is given once. */
  suspects(now: Instant, roundTripMs: number): boolean {
    if (!this.#isTwoWay || this.#unansweredSince === undefined) return false;
    if (this.#packets - this.#answeredPackets < LEAST_PACKETS) return false;
    if (msBetween(this.#unansweredSince, now) < silenceMs(roundTripMs)) return false;
    if (this.#suspectedAt !== undefined && msBetween(this.#suspectedAt, now) < PAUSE_MS)
      return false;
    this.#suspectedAt = now;
    this.#isTwoWay = false;
    return true;
  }

  /** When to take the next sample, at the latest when a silence becomes suspicious; `undefined` when nothing has been sent for longer
   * than that. Whoever takes the samples takes one, unasked, of the first packet after a second of silence.
   */
  nextDeadline(now: Instant, roundTripMs = 0): Deadline | undefined {
    // Also while it is not two-way: the first sample of a flow is taken before its answer comes.
    if (this.#sentAt === undefined) return undefined;
    if (now >= addMs(this.#sentAt, silenceMs(roundTripMs) + LOOK_MS)) return undefined;
    // A busy device is awake anyway; a sleeping one is not woken for this.
    const look = addMs(now, LOOK_MS);
    const end = this.#endOfSilence(roundTripMs);
    const isEndNext = end !== undefined && end > now && end < look;
    return {
      name: 'one-way-watch',
      at: isEndNext ? end : look,
      toleranceMs: isEndNext ? END_TOLERANCE_MS : LOOK_MS,
      wake: 'process',
    };
  }

  /** When the silence of now is long enough. */
  #endOfSilence(roundTripMs: number): Instant | undefined {
    if (!this.#isTwoWay || this.#unansweredSince === undefined) return undefined;
    return addMs(this.#unansweredSince, silenceMs(roundTripMs));
  }
}

function silenceMs(roundTripMs: number): number {
  return Math.max(LEAST_SILENCE_MS, ROUND_TRIPS * roundTripMs);
}
