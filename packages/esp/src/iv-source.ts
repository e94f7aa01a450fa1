import type { CipherShape, RandomSource } from '@ipsec-kit/crypto';
import { writeUint32 } from '@ipsec-kit/ip';
import { upperHalf } from './sequence-number.ts';

/** Packets whose random IVs are drawn at once. */
const POOL_PACKETS = 64;

/** Writes one IV per packet; allocates nothing. */
export interface IvSource {
  write(memory: Uint8Array, offset: number, sequence: number): void;
}

/** The IVs of a cipher: the sequence number, which never repeats within an SA, or random bytes, or none that is sent.
 * @throws when the cipher needs random IVs and there is no `random`.
 */
export function createIvSource(cipher: CipherShape, random: RandomSource | undefined): IvSource {
  if (cipher.iv === 'implicit') return { write: () => undefined };
  if (cipher.iv === 'counter') return new CounterIv(cipher.ivBytes);
  if (!random) {
    throw new TypeError('"random" expected a RandomSource for a cipher with random IVs, got none');
  }
  return new RandomIv(cipher.ivBytes, random);
}

class CounterIv implements IvSource {
  readonly #ivBytes: number;

  constructor(ivBytes: number) {
    if (ivBytes < 8) throw new RangeError(`"cipher.ivBytes" expected at least 8, got ${ivBytes}`);
    this.#ivBytes = ivBytes;
  }

  write(memory: Uint8Array, offset: number, sequence: number): void {
    const high = offset + this.#ivBytes - 8;
    for (let at = offset; at < high; at += 1) memory[at] = 0;
    writeUint32(memory, high, upperHalf(sequence));
    writeUint32(memory, high + 4, sequence);
  }
}

class RandomIv implements IvSource {
  readonly #ivBytes: number;
  readonly #random: RandomSource;
  readonly #pool: Uint8Array;
  #used: number;

  constructor(ivBytes: number, random: RandomSource) {
    this.#ivBytes = ivBytes;
    this.#random = random;
    this.#pool = new Uint8Array(ivBytes * POOL_PACKETS);
    this.#used = this.#pool.length;
  }

  write(memory: Uint8Array, offset: number): void {
    if (this.#used === this.#pool.length) {
      this.#random.fill(this.#pool);
      this.#used = 0;
    }
    for (let i = 0; i < this.#ivBytes; i += 1) {
      memory[offset + i] = this.#pool[this.#used + i] ?? 0;
    }
    this.#used += this.#ivBytes;
  }
}
