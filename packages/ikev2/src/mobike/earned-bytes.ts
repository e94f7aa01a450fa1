import { formatAddress, type IpAddress } from '@ipsec-kit/ip';

const MOST_ADDRESSES = 8;

/** How many bytes may go to addresses where nobody has shown that the peer is: never more than came from each, so that a forged
 * address makes us no amplifier. Bounded: the addresses that were heard of last.
 */
export class EarnedBytes {
  readonly #left = new Map<string, number>();

  /** Authentic bytes came from there. */
  earn(address: IpAddress, bytes: number): void {
    const key = formatAddress(address);
    const left = this.left(address);
    this.#left.delete(key);
    this.#left.set(key, left + bytes);
    if (this.#left.size <= MOST_ADDRESSES) return;
    for (const oldest of this.#left.keys()) {
      this.#left.delete(oldest);
      return;
    }
  }

  /** What may still go there. */
  left(address: IpAddress): number {
    return this.#left.get(formatAddress(address)) ?? 0;
  }

  /** Counts what goes there. @returns false when it would be more than came, and does not go. */
  spend(address: IpAddress, bytes: number): boolean {
    const left = this.left(address) - bytes;
    if (left < 0) return false;
    this.#left.set(formatAddress(address), left);
    return true;
  }
}
