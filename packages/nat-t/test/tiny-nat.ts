/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface TinyNatOptions {
  readonly lifetimeMs: number;
  /** Entries that the table holds before the oldest idle one goes. */
  readonly tableSize?: number;
  /** Mean time between other hosts' new flows. */
  readonly otherFlowsEveryMs?: number;
}

/** A NAT, seen from one idle mapping: when it dies, and nothing else. */
export class TinyNat {
  readonly #options: TinyNatOptions;
  readonly #random: () => number;
  readonly #diesAt = new Map<number, number>();

  constructor(options: TinyNatOptions, random: () => number) {
    this.#options = options;
    this.#random = random;
  }

  /** How long the next idle mapping is going to live. */
  drawLifetimeMs(): number {
    const { lifetimeMs, tableSize, otherFlowsEveryMs } = this.#options;
    if (tableSize === undefined || otherFlowsEveryMs === undefined) return lifetimeMs;
    let evictedMs = 0;
    for (let i = 0; i < tableSize; i += 1) evictedMs += otherFlowsEveryMs * (0.5 + this.#random());
    return Math.min(lifetimeMs, evictedMs);
  }

  use(mapping: number, now: number): void {
    this.#diesAt.set(mapping, now + this.drawLifetimeMs());
  }

  isAlive(mapping: number, now: number): boolean {
    return now < (this.#diesAt.get(mapping) ?? 0);
  }
}
