import { type Instant, msBetween } from '@ipsec-kit/clock';

/** A token bucket for answers to messages that nobody has authenticated. @see RFC 7296 §2.21.4 (MUST limit the rate) */
export class AnswerLimiter {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt: Instant | undefined;

  /** @param perSecond - answers per second in the long run. @param burst - answers at once. */
  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Whether one more answer may leave now; counts it when it may. */
  take(now: Instant): boolean {
    if (this.#filledAt !== undefined) {
      const gained = (Math.max(0, msBetween(this.#filledAt, now)) * this.#perSecond) / 1000;
      this.#tokens = Math.min(this.#burst, this.#tokens + gained);
    }
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
