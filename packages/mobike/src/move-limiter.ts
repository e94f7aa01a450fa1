import { addMs, type Instant, msBetween } from '@ipsec-kit/clock';

const MOST_AT_ONCE = 4;
const EVERY_MS = 2_000;

/** Lets four moves through at once, and then one every two seconds: addresses that flap must not become a storm of exchanges, and where
 * they end must not be told late.
 */
export class MoveLimiter {
  /** When as many as before may go at once again. */
  #restedAt: Instant | undefined;

  onMove(now: Instant): void {
    const from = this.#restedAt === undefined || this.#restedAt < now ? now : this.#restedAt;
    this.#restedAt = addMs(from, EVERY_MS);
  }

  /** Milliseconds until the next move may begin; 0 for now. */
  waitMs(now: Instant): number {
    if (this.#restedAt === undefined) return 0;
    return Math.max(0, msBetween(now, this.#restedAt) - (MOST_AT_ONCE - 1) * EVERY_MS);
  }
}
