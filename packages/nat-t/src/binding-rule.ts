import type { LivenessSettings } from './liveness-settings.ts';

/** Sleep after which a mapping of unknown lifetime is in doubt. */
const DOUBTFUL_SLEEP_MS = 5_000;

/** Share of the interval by which a keepalive may be late, to ride on another wake. */
const TOLERANCE_SHARE = 0.05;

/** Share of the time between the interval and the end of a known lifetime that a keepalive may wait for a wake that comes anyway. */
const RIDE_SHARE = 0.9;

/** What silence means to the mapping: the interval, how much beyond it is too much, and how long a mapping lives if that is known. */
export class BindingRule {
  readonly #settings: LivenessSettings;
  #keepaliveMs: number;
  #lifetimeMs: number | undefined;

  constructor(settings: LivenessSettings) {
    this.#settings = settings;
    this.#keepaliveMs = settings.keepaliveMs;
  }

  /** Takes over what discovery found; where keepalives are off, they stay off. */
  discovered(keepaliveMs: number, lifetimeMs: number | undefined): void {
    this.#keepaliveMs = this.#settings.keepaliveMs === 0 ? 0 : keepaliveMs;
    this.#lifetimeMs = lifetimeMs;
  }

  /** The interval; 0 for none. */
  get keepaliveMs(): number {
    return this.#keepaliveMs;
  }

  /** Silence beyond the interval from which the mapping is in doubt; 0 for never. One whose lifetime is known is in doubt when that is
   * over, however generous the setting is.
   */
  get marginMs(): number {
    const { dpdMarginMs } = this.#settings;
    if (this.#lifetimeMs === undefined || dpdMarginMs === 0) return dpdMarginMs;
    return Math.min(dpdMarginMs, Math.max(1, this.#lifetimeMs - this.#keepaliveMs));
  }

  /** How much later than that a keepalive may be; lateness that was allowed must not be what makes the mapping doubtful. */
  get toleranceMs(): number {
    const toleranceMs = this.#keepaliveMs * TOLERANCE_SHARE;
    const mostMs = this.marginMs > 0 ? this.marginMs - this.rideMs : Number.POSITIVE_INFINITY;
    return Math.min(toleranceMs, mostMs);
  }

  /** How long a keepalive that is due may wait for the device to be awake anyway before an alarm is worth it: nothing where it is
   * not known how long a mapping lives.
   */
  get rideMs(): number {
    if (this.#lifetimeMs === undefined) return 0;
    const leftMs = Math.max(0, this.#lifetimeMs - this.#keepaliveMs);
    return RIDE_SHARE * (this.marginMs > 0 ? Math.min(leftMs, this.marginMs) : leftMs);
  }

  /** `due` iff the silence has lasted the interval, `late` iff it has lasted longer than interval + margin. */
  judge(silenceMs: number): 'nothing' | 'due' | 'late' {
    if (this.#keepaliveMs === 0 || silenceMs < this.#keepaliveMs) return 'nothing';
    return this.marginMs > 0 && silenceMs > this.#keepaliveMs + this.marginMs ? 'late' : 'due';
  }

  /** Whether a sleep may have cost the mapping.
   * @param silenceMs - since the last outbound packet: the mapping was not renewed before the sleep either.
   */
  isDoubtfulAfter(sleptMs: number, silenceMs: number): boolean {
    if (this.#lifetimeMs === undefined) return sleptMs > DOUBTFUL_SLEEP_MS;
    return sleptMs > this.#lifetimeMs || silenceMs > this.#lifetimeMs;
  }
}
