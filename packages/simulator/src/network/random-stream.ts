import { createSeededRandom, type RandomSource } from '@ipsec-kit/crypto';

/** Numbers and chances drawn from a seed: the same seed gives the same draws, on every machine. Not for secrets. */
export class RandomStream {
  readonly #source: RandomSource;
  readonly #word = new Uint8Array(4);

  /** @param seed - any number or text; derive one per use (`${seed}/link`), so that more draws here move nothing there. */
  constructor(seed: number | string) {
    this.#source = createSeededRandom(seed);
  }

  /** A number from 0 to below 1, in steps of 2^-32. */
  fraction(): number {
    this.#source.fill(this.#word);
    const [a = 0, b = 0, c = 0, d = 0] = this.#word;
    return (a + b * 0x100 + c * 0x10000 + d * 0x1000000) / 0x100000000;
  }

  /** A number from `low` to below `high`. */
  between(low: number, high: number): number {
    return low + this.fraction() * (high - low);
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }
}
