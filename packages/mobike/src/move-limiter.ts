import { addMs, type Instant, msBetween } from '@ipsec-kit/clock';
import type { Path } from '@ipsec-kit/ip';

const MOST_AT_ONCE = 4;
const EVERY_MS = 2_000;

/** Lets four moves through at once, and then one every two seconds: addresses that flap must not become a storm of exchanges, and where
 * they end must not be told late.
 */
export class MoveLimiter {
  /** The move that waits for its time; the last one wins. */
  waiting: Path | undefined;
  /** When as many as before may go at once again. */
  #restedAt: Instant | undefined;

  /** @returns whether this move may begin now; otherwise it waits. */
  admit(now: Instant, path: Path): boolean {
    const dueAt = this.#dueAt(now);
    this.waiting = msBetween(now, dueAt) > 0 ? path : undefined;
    if (this.waiting) return false;
    const from = this.#restedAt === undefined || this.#restedAt < now ? now : this.#restedAt;
    this.#restedAt = addMs(from, EVERY_MS);
    return true;
  }

  /** When what waits may begin. */
  nextAt(now: Instant): Instant | undefined {
    return this.waiting && this.#dueAt(now);
  }

  #dueAt(now: Instant): Instant {
    const busyMs = this.#restedAt === undefined ? 0 : msBetween(now, this.#restedAt);
    return addMs(now, Math.max(0, busyMs - (MOST_AT_ONCE - 1) * EVERY_MS));
  }
}
