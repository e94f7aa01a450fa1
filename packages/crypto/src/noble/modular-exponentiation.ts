/** Bits of exponent per step. */
const WINDOW_BITS = 4n;

/** base^exponent mod modulus, with a fixed window of four bits.
 *
 * **Not constant time.** The sequence of squarings and multiplications does not depend on the exponent's bits,
 * but each BigInt operation takes a time that depends on its operands. An exponent here serves one key exchange only,
 * which leaves a remote observer one noisy sample; where that is too much, take the provider of `./node`.
 * @param exponent - big-endian.
 */
export function modularExponentiation(base: bigint, exponent: Uint8Array, modulus: bigint): bigint {
  const powers: bigint[] = [1n];
  for (let i = 1n; i < 1n << WINDOW_BITS; i += 1n) {
    powers.push(((powers.at(-1) ?? 1n) * base) % modulus);
  }
  let result = 1n;
  for (const byte of exponent) {
    for (const window of [byte >>> 4, byte & 0x0f]) {
      for (let i = 0n; i < WINDOW_BITS; i += 1n) result = (result * result) % modulus;
      result = (result * (powers[window] ?? 1n)) % modulus;
    }
  }
  return result;
}
