/** The big-endian 16-bit number at `offset`; bytes beyond the end read as 0. */
export function readUint16(memory: Uint8Array, offset: number): number {
  return ((memory[offset] ?? 0) << 8) | (memory[offset + 1] ?? 0);
}

/** The big-endian 32-bit number at `offset`, unsigned; bytes beyond the end read as 0. */
export function readUint32(memory: Uint8Array, offset: number): number {
  return (
    (((memory[offset] ?? 0) << 24) |
      ((memory[offset + 1] ?? 0) << 16) |
      ((memory[offset + 2] ?? 0) << 8) |
      (memory[offset + 3] ?? 0)) >>>
    0
  );
}

/** Writes the low 16 bits of `value`, big-endian. */
export function writeUint16(memory: Uint8Array, offset: number, value: number): void {
  memory[offset] = value >>> 8;
  memory[offset + 1] = value;
}

/** Writes the low 32 bits of `value`, big-endian. */
export function writeUint32(memory: Uint8Array, offset: number, value: number): void {
  memory[offset] = value >>> 24;
  memory[offset + 1] = value >>> 16;
  memory[offset + 2] = value >>> 8;
  memory[offset + 3] = value;
}
