/** Tags of the ASN.1 types in keys, algorithm identifiers and distinguished names. @see ITU-T X.690 §8 */
export const DerTag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OBJECT_IDENTIFIER: 0x06,
  UTF8_STRING: 0x0c,
  PRINTABLE_STRING: 0x13,
  T61_STRING: 0x14,
  IA5_STRING: 0x16,
  BMP_STRING: 0x1e,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** One value: its tag, its contents (a view), and where the next one begins. */
export interface DerValue {
  readonly tag: number;
  readonly contents: Uint8Array;
  readonly end: number;
}

/** Reads the value at `offset`; `undefined` when it is cut off, or its length is not in the one form that DER allows
 * (definite, shortest; at most four bytes of length). @see ITU-T X.690 §10.1
 */
export function readDer(bytes: Uint8Array, offset: number): DerValue | undefined {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  let length = first;
  let start = offset + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4 || start + count > bytes.length) return undefined;
    length = 0;
    for (let i = 0; i < count; i += 1) length = length * 256 + (bytes[start + i] ?? 0);
    if (length < 0x80 || length < 256 ** (count - 1)) return undefined;
    start += count;
  }
  const end = start + length;
  return end <= bytes.length ? { tag, contents: bytes.subarray(start, end), end } : undefined;
}

/** One value in DER: tag, shortest length, contents. */
export function writeDer(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  const header = [tag, ...lengthBytes(length)];
  const bytes = new Uint8Array(header.length + length);
  bytes.set(header);
  let offset = header.length;
  for (const part of contents) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function lengthBytes(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

/** The values that `contents` is made of, back to back, at most `limit` of them.
 * @returns `undefined` when the last one is cut off, when one is not DER, and when there are more than `limit`.
 */
export function readDerValues(
  contents: Uint8Array,
  limit: number,
): readonly DerValue[] | undefined {
  const values: DerValue[] = [];
  for (let offset = 0; offset < contents.length; ) {
    const value = readDer(contents, offset);
    if (value === undefined || values.length === limit) return undefined;
    values.push(value);
    offset = value.end;
  }
  return values;
}

/** The value that `bytes` is, with nothing behind it, when it has this tag. */
export function readWholeDer(bytes: Uint8Array, tag: number): DerValue | undefined {
  const value = readDer(bytes, 0);
  return value?.tag === tag && value.end === bytes.length ? value : undefined;
}
