import type { RandomSource } from './random-source.ts';

/** **NOT FOR SECRETS.** A random source that gives the same bytes for the same seed, on every machine:
 * for simulators, tests and the replay of traces. Whoever knows or guesses the seed knows every key drawn from it,
 * and its output is predictable even without the seed. Real sessions take `systemRandom()` of `./node` or `./noble`.
 *
 * Streams of different seeds are independent for all that a simulation can see: derive one per use
 * (`createSeededRandom(`${seed}/spi`)`), so that more draws in one place move nothing in another.
 * @param seed - any number or text; `7` and `'7'` give the same stream.
 */
export function createSeededRandom(seed: number | string): RandomSource {
  const state = hashSeed(String(seed));
  return {
    fill(target: Uint8Array): void {
      for (let i = 0; i < target.length; i += 4) {
        const word = nextWord(state);
        for (let byte = 0; byte < 4 && i + byte < target.length; byte += 1) {
          target[i + byte] = (word >>> (8 * byte)) & 0xff;
        }
      }
    },
  };
}

interface State {
  a: number;
  b: number;
  c: number;
  d: number;
}

/** xoshiro128** by Blackman and Vigna (public domain): small, fast, and good enough for anything but secrets. */
function nextWord(state: State): number {
  const result = Math.imul(rotateLeft(Math.imul(state.b, 5), 7), 9);
  const shifted = state.b << 9;
  state.c ^= state.a;
  state.d ^= state.b;
  state.b ^= state.c;
  state.a ^= state.d;
  state.c ^= shifted;
  state.d = rotateLeft(state.d, 11);
  return result >>> 0;
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Four FNV-1a hashes of the text from different starts, each finished with the mixer of MurmurHash3. */
function hashSeed(text: string): State {
  const word = (start: number): number => {
    let hash = start;
    for (let i = 0; i < text.length; i += 1) {
      hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  };
  // xoshiro must not start from four zeros: the last word is odd.
  return { a: word(0x811c9dc5), b: word(0x9e3779b9), c: word(0x85ebca77), d: word(0x27d4eb2f) | 1 };
}
