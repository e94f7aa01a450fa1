import { type Instant, msBetween } from '@ipsec-kit/clock';

/** A token bucket: an amount that may be used up at once, and grows again with time. */
export class Allowance {
  readonly #most: number;
  readonly #perSecond: number;
  #left: number;
  #at: Instant | undefined;

  /** @param most - at once. @param perSecond - in the long run. */
  constructor(most: number, perSecond: number) {
    this.#most = most;
    this.#perSecond = perSecond;
    this.#left = most;
  }

  left(now: Instant): number {
    if (this.#at === undefined) return this.#left;
    const grown = (Math.max(0, msBetween(this.#at, now)) * this.#perSecond) / 1_000;
    return Math.min(this.#most, this.#left + grown);
  }

  isWhole(now: Instant): boolean {
    return this.left(now) >= this.#most;
  }

  /** Uses some of it up. @returns false when there is not so much left, and nothing is taken. */
  take(now: Instant, amount = 1): boolean {
    const left = this.left(now);
    if (left < amount) return false;
    this.#left = left - amount;
    this.#at = now;
    return true;
  }
}
