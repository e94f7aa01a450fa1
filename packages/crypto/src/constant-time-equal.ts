/** Whether two byte strings are equal, in a time that depends on their lengths only.
 * For ICVs, AUTH values and cookies: an early exit would tell a forger how many bytes were right.
 * @returns false at once for different lengths, which are not secret.
 */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  return constantTimeEqualAt(a, 0, b, b.length);
}

/** Compares `memory[offset .. offset + length)` with the first `length` bytes of `expected`, in constant time.
 * The caller has checked that both reach that far.
 */
export function constantTimeEqualAt(
  memory: Uint8Array,
  offset: number,
  expected: Uint8Array,
  length: number,
): boolean {
  let difference = 0;
  for (let i = 0; i < length; i += 1) {
    difference |= (memory[offset + i] ?? 0) ^ (expected[i] ?? 0);
  }
  return difference === 0;
}
