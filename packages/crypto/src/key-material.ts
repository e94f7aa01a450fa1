/** Secret bytes that print as `[redacted]` in strings, JSON and Node's inspector.
 * JavaScript cannot promise that no copy remains in memory; {@link KeyMaterial.erase} clears this one.
 */
export class KeyMaterial {
  readonly #bytes: Uint8Array;

  /** @param bytes - taken over, not copied; do not change them afterwards. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Length of the secret in bytes. */
  get length(): number {
    return this.#bytes.length;
  }

  /** The secret itself; for providers and key logs only. */
  reveal(): Uint8Array {
    return this.#bytes;
  }

  /** A part of it, copied: bytes `start` to `end - 1`, as `Uint8Array.slice` counts them. */
  slice(start: number, end: number): KeyMaterial {
    return new KeyMaterial(this.#bytes.slice(start, end));
  }

  /** Overwrites the bytes with zeros. */
  erase(): void {
    this.#bytes.fill(0);
  }

  /** `[redacted]`. */
  toString(): string {
    return '[redacted]';
  }

  /** `[redacted]`. */
  toJSON(): string {
    return '[redacted]';
  }

  static {
    // Node's inspector looks for this method; as a computed class member it has no type that can be declared.
    Object.defineProperty(KeyMaterial.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value: () => '[redacted]',
    });
  }
}
