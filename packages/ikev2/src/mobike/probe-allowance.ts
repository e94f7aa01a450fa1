import type { Instant } from '@ipsec-kit/clock';
import { formatAddress, type IpAddress } from '@ipsec-kit/ip';
import { Allowance } from '../endpoint/allowance.ts';

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

/** What an initiator may send unasked to addresses that its peer has listed and was not shown to be at: it has to speak first there, and
 * the peer may have listed somebody else's. To one address at most 3,072 bytes and 10 more with each second, to all of them
 * together 8,192 and 30 with each second.
 * @see RFC 4555 §3.5, §3.6, §5.3
 */
export class ProbeAllowance {
  readonly #all = new Allowance(ALL_BYTES, ALL_BYTES_PER_SECOND);
  readonly #byAddress = new Map<string, Allowance>();

  /** Whether so much may go there now. */
  has(now: Instant, address: IpAddress, bytes: number): boolean {
    const one = this.#byAddress.get(formatAddress(address));
    if (!one && this.#byAddress.size >= MOST_ADDRESSES && !this.#forgetWhole(now)) return false;
    return bytes <= (one?.left(now) ?? ADDRESS_BYTES) && bytes <= this.#all.left(now);
  }

  /** Counts what goes there. @returns false when it would be more than may, and does not go. */
  spend(now: Instant, address: IpAddress, bytes: number): boolean {
    if (!this.has(now, address, bytes)) return false;
    const key = formatAddress(address);
    const one = this.#byAddress.get(key) ?? new Allowance(ADDRESS_BYTES, ADDRESS_BYTES_PER_SECOND);
    this.#byAddress.set(key, one);
    return one.take(now, bytes) && this.#all.take(now, bytes);
  }

  /** One that has its whole allowance back is as good as new. @returns whether there was one. */
  #forgetWhole(now: Instant): boolean {
    for (const [key, one] of this.#byAddress) {
      if (one.isWhole(now)) return this.#byAddress.delete(key);
    }
    return false;
  }
}
