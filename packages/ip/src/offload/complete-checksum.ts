import { writeUint16 } from '../byte-order.ts';
import { foldSum, rangeSum, type SummedMemory } from './summed-memory.ts';

/** Completes a checksum that the host left to its device: the field holds the sum of the pseudo-header, the rest is
 * added here. A result of 0 is written as 0xffff, which means the same and is no "none" to UDP.
 * @param start - where what is covered begins, inside of the packet.
 * @param field - where the checksum lies.
 * @param end - where the packet ends.
 * @returns false, with nothing changed, when the places do not lie in this order.
 * @see RFC 768, RFC 1071
 */
export function completeChecksum(
  memory: SummedMemory,
  start: number,
  field: number,
  end: number,
): boolean {
  if (start < 0 || field < start || field + 2 > end || end > memory.bytes.length) return false;
  const checksum = ~foldSum(rangeSum(memory, start, end - start)) & 0xffff;
  writeUint16(memory.bytes, field, checksum === 0 ? 0xffff : checksum);
  return true;
}
