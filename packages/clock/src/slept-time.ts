/** Joins a fine clock that stands still in suspend with a coarse one that counts it, into one that does both.
 * The fine clock gives the resolution; the coarse one is only asked how much the device has slept.
 */
export class SleptTime {
  readonly #granularityMs: number;
  readonly #startMonotonicMs: number;
  readonly #startUptimeMs: number;
  #sleptMs = 0;
  #latestMs = 0;

  /** @param granularityMs - step of the coarse clock: a difference below twice that is noise, not sleep. */
  constructor(monotonicMs: number, uptimeMs: number, granularityMs: number) {
    this.#startMonotonicMs = monotonicMs;
    this.#startUptimeMs = uptimeMs;
    this.#granularityMs = granularityMs;
  }

  /** Milliseconds since construction, sleep included; never less than it returned before. */
  elapsedMs(monotonicMs: number, uptimeMs: number): number {
    const awakeMs = monotonicMs - this.#startMonotonicMs;
    // Two readings of the coarse clock, each truncated, put this within one granularity of the truth; the sum of
    // all sleep is compared, so that many short naps are not lost one by one.
    const sleptMs = uptimeMs - this.#startUptimeMs - awakeMs;
    if (sleptMs > this.#sleptMs + 2 * this.#granularityMs) this.#sleptMs = sleptMs;
    this.#latestMs = Math.max(this.#latestMs, awakeMs + this.#sleptMs);
    return this.#latestMs;
  }

  /** Milliseconds of sleep that were seen so far. */
  get sleptMs(): number {
    return this.#sleptMs;
  }
}
