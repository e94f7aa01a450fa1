import { randomFillSync } from 'node:crypto';
import type { RandomSource } from '../random-source.ts';

/** The random numbers of the operating system, through node:crypto: fit for keys. */
export function systemRandom(): RandomSource {
  return {
    fill(target: Uint8Array): void {
      randomFillSync(target);
    },
  };
}
