/** The error for a caller's own bug: names the argument, what was expected and what came.
 * Never pass secret bytes in `got`; lengths and ids only.
 */
export function argumentError(
  argument: string,
  expected: string,
  got: string | number,
): RangeError {
  return new RangeError(`"${argument}" expected ${expected}, got ${got}`);
}
