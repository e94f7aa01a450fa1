/** After so long without a packet what has passed is told. Whatever is done before that keeps the answer to a lone packet waiting,
 * and drives the code that carries it out of the caches of the processor.
 */
export const QUIET_MS = 1;

/** When a packet loop tells its numbers: in silence, when none has been told for an interval; in a stream, once in an interval. */
export class LookTimes {
  readonly #nowMs: () => number;
  #isBehind = true;
  #mustStamp = false;
  #waitMs: number = QUIET_MS;
  /** When the loop was first seen to carry what nobody knows of; 0: it was not. */
  #startedAtMs = 0;
  #toldAtMs = 0;
  /** When packets passed last, as of the last look at the clock. */
  carriedAtMs = 0;

  /** @param nowMs - not asked for the first packets after a silence, nor while nothing happens. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** How long the loop may sleep; -1: until something comes. */
  get waitMs(): number {
    return this.#isBehind ? this.#waitMs : -1;
  }

  /** There is something to tell that no packet brought. */
  fallBehind(): void {
    this.#isBehind = true;
  }

  /** A turn of the loop is over. @param isQuiet - nothing has come, and it waited for that.
   * @returns whether the numbers are to be told now.
   */
  isDue(hasCarried: boolean, isQuiet: boolean, intervalMs: number): boolean {
    this.#mustStamp ||= hasCarried;
    if (!this.#isBehind) {
      this.#isBehind = hasCarried;
      this.#waitMs = QUIET_MS;
      return false;
    }
    // Once a turn: no packet pays for it.
    const nowMs = this.#nowMs();
    if (this.#mustStamp) this.carriedAtMs = nowMs;
    this.#mustStamp = false;
    if (!isQuiet) this.#startedAtMs ||= nowMs;
    const sinceMs = isQuiet ? this.#toldAtMs : Math.max(this.#toldAtMs, this.#startedAtMs);
    if (nowMs - sinceMs < intervalMs) {
      this.#waitMs = Math.max(QUIET_MS, Math.ceil(this.#toldAtMs + intervalMs - nowMs));
      return false;
    }
    this.#isBehind = false;
    this.#startedAtMs = 0;
    this.#toldAtMs = nowMs;
    return true;
  }
}
