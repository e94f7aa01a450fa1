/** The error of a caller who asks for a message that cannot be put on the wire. */
export class ApiMisuseError extends Error {
  override readonly name: string = 'ApiMisuseError';

  /** @param argument - the field at fault, as a path: `nonce.data`. */
  constructor(argument: string, expected: string, got: string | number | bigint) {
    super(`"${argument}" expected ${expected}, got ${got}`);
  }
}
