/** Whether two byte strings are equal, byte for byte. It ends at the first difference: for names, keys that are public and other bytes
 * that anyone may know. Secrets, and whatever a forger could guess at, are compared with {@link constantTimeEqual}.
 */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
