import { addMs, type Deadline, type Instant, msBetween } from '@ipsec-kit/clock';

/** Silence after which a NAT-keepalive goes out, unless configured otherwise. @see RFC 3948 §4 */
export const DEFAULT_KEEPALIVE_MS = 20_000;

/** Share of the interval by which a keepalive may come later, so that it can ride on another wake-up. */
const TOLERANCE_SHARE = 0.05;

/** After how much silence a NAT mapping gets a packet, and which one. */
export interface KeepaliveOptions {
  /** Silence after which 0xFF goes out; 0 turns keepalives off. */
  readonly intervalMs: number;
  /** Silence beyond the interval after which the mapping may be gone already, so that a DPD with NAT detection goes out
   * in place of 0xFF; 0 turns that off.
   */
  readonly dpdMarginMs: number;
}

/** What to send now: a single 0xFF, a DPD with NAT_DETECTION notifies, or nothing. */
export type KeepaliveAction = 'nothing' | 'keepalive' | 'dpd';

/** Decides when a NAT mapping needs a packet, from the time of the last outbound one, IKE or ESP.
 * - 0xFF iff the silence has lasted at least the interval.
 * - DPD instead iff it has lasted longer than interval + margin (the device slept, or timers were late): 0xFF
 *   could renew a mapping under another port without anybody noticing, a DPD finds out. Not while an exchange runs.
 *
 * It sends only while keepalives are needed: behind a NAT, or forced (stateful firewalls). Inbound packets do not count,
 * as many NATs do not renew a mapping for them (RFC 4787 REQ-6).
 * @see RFC 3948 §4, RFC 7296 §2.23, RFC 4555 §3.8
 */
export class KeepaliveTimer {
  readonly #intervalMs: number;
  readonly #dpdMarginMs: number;
  #needed: boolean;
  #lastOutbound: Instant;

  /** @param now - counts as the last outbound packet, until there is one.
   * @param needed - whether the local end is behind a NAT, or keepalives are forced.
   */
  constructor(options: KeepaliveOptions, now: Instant, needed: boolean) {
    this.#intervalMs = requireDuration('intervalMs', options.intervalMs);
    this.#dpdMarginMs = requireDuration('dpdMarginMs', options.dpdMarginMs);
    this.#lastOutbound = now;
    this.#needed = needed;
  }

  /** When the last outbound packet left, as far as it is known. */
  get lastOutbound(): Instant {
    return this.#lastOutbound;
  }

  /** Takes over what a new detection found: behind a NAT (or forced) or not. The silence so far still counts. */
  setNeeded(needed: boolean): void {
    this.#needed = needed;
  }

  /** Notes that an IKE or ESP packet left at `at`; an instant before one that is known already changes nothing.
   * Only for packets that were really sent: a check that sends nothing must not postpone keepalives.
   */
  onOutbound(at: Instant): void {
    if (at > this.#lastOutbound) this.#lastOutbound = at;
  }

  /** What has to be sent at `now`. What it returns counts as sent at `now`: send it.
   * @param exchangeRunning - a request is outstanding: no DPD can or need go out, so 0xFF stands in.
   */
  onTimeout(now: Instant, exchangeRunning: boolean): KeepaliveAction {
    if (!this.#isOn()) return 'nothing';
    // The instant that is waited for is the one that is compared: the silence until then may round to less, for ever.
    if (now < this.#dueAt()) return 'nothing';
    const silenceMs = msBetween(this.#lastOutbound, now);
    this.#lastOutbound = now;
    const mappingIsDoubtful =
      this.#dpdMarginMs > 0 && silenceMs > this.#intervalMs + this.#dpdMarginMs;
    return mappingIsDoubtful && !exchangeRunning ? 'dpd' : 'keepalive';
  }

  /** When silence reaches the interval; `undefined` while no keepalives are needed. */
  nextDeadline(): Deadline | undefined {
    if (!this.#isOn()) return undefined;
    const toleranceMs = this.#intervalMs * TOLERANCE_SHARE;
    return {
      name: 'nat-keepalive',
      at: this.#dueAt(),
      // Lateness that was allowed must not be what makes the mapping doubtful.
      toleranceMs: this.#dpdMarginMs > 0 ? Math.min(toleranceMs, this.#dpdMarginMs) : toleranceMs,
      wake: 'device',
    };
  }

  #dueAt(): Instant {
    return addMs(this.#lastOutbound, this.#intervalMs);
  }

  #isOn(): boolean {
    return this.#needed && this.#intervalMs > 0;
  }
}

function requireDuration(name: string, ms: number): number {
  if (!Number.isFinite(ms) || ms < 0) {
    throw new RangeError(`"${name}" expected milliseconds, 0 or more, got ${ms}`);
  }
  return ms;
}
