/** The last sequence number of an SA without extended numbers. @see RFC 4303 §3.3.3 */
export const LAST_SEQUENCE_NUMBER = 0xffffffff;

/** The last extended sequence number that is sent or taken: 2^53-1, up to which a number is exact, instead of 2^64-1.
 * At 10 million packets a second an SA would take 28 years for it. @see RFC 4303 §2.2.1
 */
export const LAST_EXTENDED_SEQUENCE_NUMBER: number = Number.MAX_SAFE_INTEGER;

/** From here on an SA asks to be replaced: 2^28 packets before its numbers run out. */
export const SOFT_SEQUENCE_NUMBER = 0xf0000000;

/** Numbers that share their upper 32 bits. */
export const SUBSPACE: number = 2 ** 32;

/** The upper 32 bits of an extended sequence number, which are not sent. */
export function upperHalf(sequence: number): number {
  return Math.floor(sequence / SUBSPACE);
}
