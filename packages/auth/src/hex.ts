/** Lower-case hexadecimal text. */
export function encodeHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** Bytes from hexadecimal text of either case, with or without colons between the bytes;
 * `undefined` for anything else and for an odd number of digits.
 */
export function decodeHex(text: string): Uint8Array | undefined {
  if (!/^(?:[0-9a-f]{2}(?::?[0-9a-f]{2})*)?$/i.test(text)) return undefined;
  const digits = text.replaceAll(':', '');
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i += 1) {
    bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  }
  return bytes;
}
