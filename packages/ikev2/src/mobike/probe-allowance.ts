import { type Instant, msBetween } from '@ipsec-kit/clock';
import { formatAddress, type IpAddress } from '@ipsec-kit/ip';

/** What may go unasked to one address, at once and per second in the long run: room for the largest request that waits for its answer
 * when the path is lost, or for seven that tell of a move.
 */
const ADDRESS_BYTES = 3_072;
const ADDRESS_BYTES_PER_SECOND = 10;
/** What may go to all of them together. */
const ALL_BYTES = 8_192;
const ALL_BYTES_PER_SECOND = 30;
/** Most addresses that are accounted for: while none of them has its whole allowance back, no other one is tried. */
const MOST_ADDRESSES = 64;

/** An amount that grows again with time. */
class Allowance {
  readonly #most: number;
  readonly #perSecond: number;
  #left: number;
  #at: Instant;

  constructor(now: Instant, most: number, perSecond: number) {
    this.#most = most;
    this.#perSecond = perSecond;
    this.#left = most;
    this.#at = now;
  }

  left(now: Instant): number {
    const grown = (Math.max(0, msBetween(this.#at, now)) * this.#perSecond) / 1_000;
    return Math.min(this.#most, this.#left + grown);
  }

  isWhole(now: Instant): boolean {
    return this.left(now) >= this.#most;
  }

  spend(now: Instant, bytes: number): void {
    this.#left = this.left(now) - bytes;
    this.#at = now;
  }
}

/** What an initiator may send unasked to addresses that its peer has listed and was not shown to be at: it has to speak first there, and
 * the peer may have listed somebody else's. To one address at most 3,072 bytes and 10 more with each second, to all of them
 * together 8,192 and 30 with each second.
 * @see RFC 4555 §3.5, §3.6, §5.3
 */
export class ProbeAllowance {
  #all: Allowance | undefined;
  readonly #byAddress = new Map<string, Allowance>();

  /** Whether so much may go there now. */
  has(now: Instant, address: IpAddress, bytes: number): boolean {
    const one = this.#byAddress.get(formatAddress(address));
    if (!one && this.#byAddress.size >= MOST_ADDRESSES && !this.#forgetWhole(now)) return false;
    return (
      bytes <= (one?.left(now) ?? ADDRESS_BYTES) && bytes <= (this.#all?.left(now) ?? ALL_BYTES)
    );
  }

  /** Counts what goes there. @returns false when it would be more than may, and does not go. */
  spend(now: Instant, address: IpAddress, bytes: number): boolean {
    if (!this.has(now, address, bytes)) return false;
    const key = formatAddress(address);
    const one =
      this.#byAddress.get(key) ?? new Allowance(now, ADDRESS_BYTES, ADDRESS_BYTES_PER_SECOND);
    this.#byAddress.set(key, one);
    this.#all ??= new Allowance(now, ALL_BYTES, ALL_BYTES_PER_SECOND);
    one.spend(now, bytes);
    this.#all.spend(now, bytes);
    return true;
  }

  /** One that has its whole allowance back is as good as new. @returns whether there was one. */
  #forgetWhole(now: Instant): boolean {
    for (const [key, one] of this.#byAddress) {
      if (one.isWhole(now)) return this.#byAddress.delete(key);
    }
    return false;
  }
}
