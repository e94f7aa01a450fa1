import { addMs, type Instant, msBetween } from '@ipsec-kit/clock';

const MOST_MOVES = 4;
const WITHIN_MS = 8_000;

/** Lets four moves through in eight seconds: addresses that flap must not become a storm of exchanges. */
export class MoveLimiter {
  #moves: readonly Instant[] = [];

  onMove(now: Instant): void {
    this.#moves = [...this.#moves, now].slice(-MOST_MOVES);
  }

  /** Milliseconds until the next move may begin; 0 for now. */
  waitMs(now: Instant): number {
    const [oldest] = this.#moves;
    if (oldest === undefined || this.#moves.length < MOST_MOVES) return 0;
    return Math.max(0, msBetween(now, addMs(oldest, WITHIN_MS)));
  }
}
