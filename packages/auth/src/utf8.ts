/** The UTF-8 bytes of a string; a lone surrogate becomes U+FFFD. @see RFC 3629 §3 */
export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    let point = character.codePointAt(0) ?? 0;
    if (point >= 0xd800 && point <= 0xdfff) point = 0xfffd;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >>> 6), tail(point));
    else if (point < 0x10000) bytes.push(0xe0 | (point >>> 12), tail(point >>> 6), tail(point));
    else bytes.push(0xf0 | (point >>> 18), tail(point >>> 12), tail(point >>> 6), tail(point));
  }
  return Uint8Array.from(bytes);
}

function tail(bits: number): number {
  return 0x80 | (bits & 0x3f);
}

/** The string that bytes are the UTF-8 of, or `undefined` when they are not:
 * overlong forms, surrogates and numbers beyond U+10FFFF are refused. @see RFC 3629 §4
 */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  let text = '';
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i] ?? 0;
    const length = sequenceLength(first);
    if (length === 0 || i + length > bytes.length) return undefined;
    let point = length === 1 ? first : first & (0xff >>> (length + 1));
    for (let k = 1; k < length; k += 1) {
      const next = bytes[i + k] ?? 0;
      if ((next & 0xc0) !== 0x80) return undefined;
      point = (point << 6) | (next & 0x3f);
    }
    const isSurrogate = point >= 0xd800 && point <= 0xdfff;
    if (point < (SMALLEST[length] ?? 0) || point > 0x10ffff || isSurrogate) return undefined;
    text += String.fromCodePoint(point);
    i += length;
  }
  return text;
}

/** The smallest number that needs a sequence of this length. */
const SMALLEST: readonly number[] = [0, 0, 0x80, 0x800, 0x10000];

function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc0 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf8 ? 4 : 0;
}
