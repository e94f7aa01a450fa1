/** Writes of numbers into structures that the kernel reads, at offsets of one mapped memory. Aligned as C aligns them. */
export interface RawMemory {
  readonly bytes: Uint8Array;
  readonly address: number;
  readonly words16: Uint16Array;
  readonly words32: Int32Array;
}

/** Views of a memory in the sizes of its fields. @param memory - begins at a multiple of 8. */
export function rawMemory(memory: {
  readonly bytes: Uint8Array;
  readonly address: number;
}): RawMemory {
  const { buffer, byteOffset, length } = memory.bytes;
  return {
    bytes: memory.bytes,
    address: memory.address,
    words16: new Uint16Array(buffer, byteOffset, length >>> 1),
    words32: new Int32Array(buffer, byteOffset, length >>> 2),
  };
}

const TWO_TO_32 = 0x1_0000_0000;

/** Writes a pointer or size_t of 64 bits. @param value - not negative, below 2^53. */
export function writePointer(words32: Int32Array, offset: number, value: number): void {
  const index = offset >>> 2;
  // An Int32Array takes numbers modulo 2^32, which is the low half; little-endian, as all supported processors are.
  words32[index] = value;
  words32[index + 1] = value / TWO_TO_32;
}

/** Writes one iovec. */
export function writeVector(
  words32: Int32Array,
  offset: number,
  address: number,
  length: number,
): void {
  const index = offset >>> 2;
  words32[index] = address;
  words32[index + 1] = address / TWO_TO_32;
  words32[index + 2] = length;
  words32[index + 3] = 0;
}
