import { randomBytes } from '@noble/hashes/utils.js';
import type { RandomSource } from '../random-source.ts';

/** The Web Crypto call gives 65,536 bytes at most. */
const MAX_BYTES_PER_CALL = 65_536;

/** The random numbers of the platform, through `globalThis.crypto.getRandomValues`: fit for keys.
 * `fill` throws where the platform has none.
 */
export function systemRandom(): RandomSource {
  return {
    fill(target: Uint8Array): void {
      for (let offset = 0; offset < target.length; offset += MAX_BYTES_PER_CALL) {
        target.set(randomBytes(Math.min(MAX_BYTES_PER_CALL, target.length - offset)), offset);
      }
    },
  };
}
