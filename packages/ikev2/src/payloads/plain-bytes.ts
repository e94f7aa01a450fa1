/** The same bytes as a plain array: what a subclass calls `slice` may be no copy, as with Node's Buffer, and would be decrypted in place. */
export function plainBytes({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}
