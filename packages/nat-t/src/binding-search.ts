/** Growth of the idle times while every mapping lives. */
const ASCENT = 2;
/** Ratio of what died to what lived from which the search is over. */
const CLOSE_ENOUGH = 1.1;
/** How often the longest idle time that was survived has to be survived: small tables evict by chance. */
const CONFIRMATIONS = 3;

/** Between which idle times a mapping dies: ascending while it lives, then bisecting, then twice more to be sure. */
export class BindingSearch {
  readonly #firstMs: number;
  readonly #floorMs: number;
  readonly #mostMs: number;
  readonly #survived: number[] = [];
  #deadMs: number | undefined;

  constructor(bounds: {
    readonly firstMs: number;
    readonly floorMs: number;
    readonly mostMs: number;
  }) {
    this.#firstMs = bounds.firstMs;
    this.#floorMs = bounds.floorMs;
    this.#mostMs = bounds.mostMs;
  }

  /** The longest idle time that a mapping survived, shorter than any that killed one. */
  get aliveMs(): number | undefined {
    const limit = this.#deadMs ?? Number.POSITIVE_INFINITY;
    const below = this.#survived.filter((ms) => ms < limit);
    return below.length === 0 ? undefined : Math.max(...below);
  }

  /** The shortest idle time that killed one. */
  get deadMs(): number | undefined {
    return this.#deadMs;
  }

  /** Takes a result; of two that contradict one another, death counts. */
  onResult(idledMs: number, isAlive: boolean): void {
    if (isAlive) this.#survived.push(idledMs);
    else this.#deadMs = Math.min(this.#deadMs ?? Number.POSITIVE_INFINITY, idledMs);
  }

  /** The idle time to try next; `undefined` when enough is known. */
  nextIdleMs(): number | undefined {
    const { aliveMs, deadMs } = this;
    if (deadMs === undefined) {
      if (aliveMs === undefined) return this.#firstMs;
      return aliveMs >= this.#mostMs ? undefined : Math.min(aliveMs * ASCENT, this.#mostMs);
    }
    // Below the floor there is nothing to find: keepalives do not come more often.
    if (aliveMs === undefined) return deadMs > this.#floorMs * 1.1 ? this.#floorMs : undefined;
    if (deadMs / aliveMs > CLOSE_ENOUGH) return Math.sqrt(deadMs * aliveMs);
    const times = this.#survived.filter((ms) => ms >= aliveMs / 1.02 && ms <= aliveMs * 1.02);
    return times.length < CONFIRMATIONS ? aliveMs : undefined;
  }
}
