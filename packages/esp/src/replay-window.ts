import { LAST_EXTENDED_SEQUENCE_NUMBER, SUBSPACE } from './sequence-number.ts';

/** Smallest window, which every implementation must support; less is taken as this. @see RFC 4303 §3.4.3 */
export const MIN_REPLAY_WINDOW = 32;

/** Largest window that is supported here, in packets. */
export const MAX_REPLAY_WINDOW = 65536;

/** Without protection a number is taken for the nearest one, half of a subspace back or ahead. */
const UNPROTECTED_REACH = 2 ** 31;

/** A bitmap of the sequence numbers that were received, in the ring of words of RFC 6479: to advance clears
 * whole words instead of shifting bits, so that a jump of any distance costs at most one pass over the ring.
 * Numbers are whole ones, extended or not.
 */
export class ReplayWindow {
  /** Size in packets; 0 is off. */
  readonly packets: number;
  readonly #words: Uint32Array;
  readonly #mask: number;
  readonly #reach: number;
  #highest = 0;

  /** @param packets - 0 for no protection, or 1 to {@link MAX_REPLAY_WINDOW}; at least {@link MIN_REPLAY_WINDOW} are kept. */
  constructor(packets: number) {
    if (!Number.isInteger(packets) || packets < 0 || packets > MAX_REPLAY_WINDOW) {
      throw new RangeError(
        `"replayWindowPackets" expected 0 to ${MAX_REPLAY_WINDOW}, got ${packets}`,
      );
    }
    this.packets = packets === 0 ? 0 : Math.max(packets, MIN_REPLAY_WINDOW);
    this.#reach = this.packets || UNPROTECTED_REACH;
    // One word more than the window: the one that is being filled. A power of two makes the ring a mask.
    let words = 1;
    while (words < Math.ceil(this.packets / 32) + 1) words *= 2;
    this.#words = new Uint32Array(packets === 0 ? 0 : words);
    this.#mask = words - 1;
  }

  /** The highest sequence number that was accepted, 0 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /** The extended number of which only the lower 32 bits were sent: the first one from the lower edge of the window on
   * that has them, so that it lies in the window or ahead of it. Before the first packet there is no window to the left
   * of 0; what would lie there is below 0, and never new.
   *
   * Loss of 2^32 packets in a row is not recovered from, as Appendix A3 has it: long before that the peer is taken for
   * dead, and its SAs are gone.
   * @see RFC 4303 Appendix A2.2: both cases, in one subtraction
   */
  infer(low: number): number {
    const bottom = this.#highest - this.#reach + 1;
    const sequence = Math.floor(bottom / SUBSPACE) * SUBSPACE + low;
    return sequence < bottom ? sequence + SUBSPACE : sequence;
  }

  /** Whether a packet with this number may be new; asked before its ICV is verified.
   * Number 0 is never sent, since the first packet has 1. @see RFC 4303 §3.3.3 and §3.4.3
   */
  isNew(sequence: number): boolean {
    if (sequence < 0 || sequence > LAST_EXTENDED_SEQUENCE_NUMBER) return false;
    if (this.packets === 0) return true;
    if (sequence === 0) return false;
    if (sequence > this.#highest) return true;
    if (sequence + this.packets <= this.#highest) return false;
    const word = this.#words[(sequence >>> 5) & this.#mask] ?? 0;
    return (word & (1 << (sequence & 31))) === 0;
  }

  /** Marks a number that was new, once its packet is authentic.
   * @returns whether it is the highest so far; never with protection off, where nothing proves that it is fresh.
   */
  accept(sequence: number): boolean {
    const isHighest = sequence > this.#highest;
    if (this.packets === 0) {
      if (isHighest) this.#highest = sequence;
      return false;
    }
    if (isHighest) this.#advance(sequence);
    // The ring is shorter than a subspace, so that the lower 32 bits name the place.
    const index = (sequence >>> 5) & this.#mask;
    this.#words[index] = (this.#words[index] ?? 0) | (1 << (sequence & 31));
    return isHighest;
  }

  #advance(sequence: number): void {
    const from = this.#highest >>> 5;
    const distance = Math.floor(sequence / 32) - Math.floor(this.#highest / 32);
    const steps = Math.min(distance, this.#words.length);
    for (let step = 1; step <= steps; step += 1) this.#words[(from + step) & this.#mask] = 0;
    this.#highest = sequence;
  }
}
