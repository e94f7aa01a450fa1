import { argumentError } from './argument-error.ts';
import { KeyMaterial } from './key-material.ts';
import type { CryptoProvider } from './provider.ts';

/** The counter of prf+ is one byte. */
const MAX_BLOCKS = 255;

/** prf+ (key, seed): as many bytes of key material as asked for.
 * T1 = prf(key, seed | 0x01), Tn = prf(key, Tn-1 | seed | n).
 * @param bytes - how many to return; at most 255 times the output of the PRF.
 * @throws RangeError above that limit ("prf+ is not defined beyond 255 times the size of the prf output") and on an unknown PRF.
 * @see RFC 7296 §2.13
 */
export function prfPlus(
  provider: CryptoProvider,
  prf: number,
  key: KeyMaterial,
  seed: Uint8Array,
  bytes: number,
): KeyMaterial {
  const shape = provider.prfShape(prf);
  if (shape === undefined) throw argumentError('prf', 'a PRF that is provided', prf);
  const limit = MAX_BLOCKS * shape.outputBytes;
  if (!Number.isInteger(bytes) || bytes < 0 || bytes > limit) {
    throw argumentError('bytes', `an integer from 0 to ${limit} (255 blocks)`, bytes);
  }
  const output = new Uint8Array(bytes);
  let block: Uint8Array = new Uint8Array(0);
  for (let offset = 0, n = 1; offset < bytes; offset += shape.outputBytes, n += 1) {
    const previous = block;
    block = provider.prf(prf, key, previous, seed, Uint8Array.of(n));
    previous.fill(0);
    output.set(block.subarray(0, Math.min(block.length, bytes - offset)), offset);
  }
  block.fill(0);
  return new KeyMaterial(output);
}
