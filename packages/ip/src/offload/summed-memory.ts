import { BLOCK_BYTES, type BlockSum, blockSumOf } from './vector-memory.ts';

/** A memory with views in which checksums are summed fast; made once for a memory, not for a packet. */
export interface SummedMemory {
  readonly bytes: Uint8Array;
  /** The same bytes, two at a time, in the order of the machine. */
  readonly halves: Uint16Array;
  /** The same bytes, four at a time, in the order of the machine. */
  readonly words: Uint32Array;
  /** Sums blocks of it, where it was made for that. @see vectorMemory */
  readonly sumBlocks: BlockSum | undefined;
}

/** From so many bytes on blocks are summed for themselves, up to so many that their sum stays below 2^32. */
const LEAST_IN_BLOCKS = 128;
const MOST_IN_BLOCKS = 65536;

const isLittleEndian = /* @__PURE__ */ new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const TWO_TO_32 = 0x1_0000_0000;

/** Views of a memory.
 * @throws RangeError when it does not begin at a multiple of 4 of its buffer.
 */
export function summedMemory(bytes: Uint8Array): SummedMemory {
  const { buffer, byteOffset, length } = bytes;
  if (byteOffset % 4 !== 0) {
    throw new RangeError(`"bytes" expected to begin at a multiple of 4, got ${byteOffset}`);
  }
  return {
    bytes,
    halves: new Uint16Array(buffer, byteOffset, length >>> 1),
    words: new Uint32Array(buffer, byteOffset, length >>> 2),
    // WebAssembly knows the buffer, and one order of bytes.
    sumBlocks: isLittleEndian && byteOffset === 0 ? blockSumOf(buffer) : undefined,
  };
}

/** The sum of the big-endian 16-bit words of a range, folded to 16 bits; an odd last byte is padded with zero.
 * Words are added as they lie and the bytes of the sum swapped at its end: the sum does not mind. It does not mind words
 * of 32 bits either, since 2^32 is 1 modulo 2^16 - 1; adding them as doubles is the fastest that JavaScript has.
 * @param length - up to 1 MiB. The range lies inside of the memory.
 * @see RFC 1071 §2 (A), (B)
 */
export function rangeSum(memory: SummedMemory, offset: number, length: number): number {
  if (length <= 0) return 0;
  if (offset % 2 === 1) {
    // Every byte lies in the other half of its word: the swapped sum, swapped back.
    const first = (memory.bytes[offset] ?? 0) << 8;
    return foldSum(first + swapped(rangeSum(memory, offset + 1, length - 1)));
  }
  const { bytes, halves, words, sumBlocks } = memory;
  const end = offset + length;
  let at = offset;
  let sum = 0;
  if (sumBlocks && length >= LEAST_IN_BLOCKS && length <= MOST_IN_BLOCKS && end <= bytes.length) {
    at += length - (length % BLOCK_BYTES);
    sum = sumBlocks(offset, at) >>> 0;
  }
  if (at % 4 === 2 && at + 2 <= end) {
    sum += halves[at >>> 1] ?? 0;
    at += 2;
  }
  let index = at >>> 2;
  const endIndex = Math.max(end >>> 2, index);
  for (const last = endIndex - 3; index < last; index += 4) {
    sum += (words[index] ?? 0) + (words[index + 1] ?? 0);
    sum += (words[index + 2] ?? 0) + (words[index + 3] ?? 0);
  }
  for (; index < endIndex; index += 1) sum += words[index] ?? 0;
  at = Math.max(at, endIndex << 2);
  if (at + 2 <= end) {
    sum += halves[at >>> 1] ?? 0;
    at += 2;
  }
  if (at < end) sum += isLittleEndian ? (bytes[at] ?? 0) : (bytes[at] ?? 0) << 8;
  const folded = foldSum(sum);
  return isLittleEndian ? swapped(folded) : folded;
}

/** Folds a sum of non-negative numbers below 2^53 to 16 bits, end-around. @see RFC 1071 §1 */
export function foldSum(sum: number): number {
  const high = Math.floor(sum / TWO_TO_32);
  const low = (sum - high * TWO_TO_32) >>> 0;
  let folded = high + (low >>> 16) + (low & 0xffff);
  folded = (folded >>> 16) + (folded & 0xffff);
  return (folded >>> 16) + (folded & 0xffff);
}

function swapped(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}
