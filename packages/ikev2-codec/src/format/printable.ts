/** Lower-case hexadecimal digits of bytes, cut after `maxBytes` with the number of bytes in all. */
export function hexText(bytes: Uint8Array, maxBytes = 32): string {
  let text = '';
  for (const byte of bytes.subarray(0, maxBytes)) text += byte.toString(16).padStart(2, '0');
  return bytes.length > maxBytes ? `${text}… (${bytes.length} bytes)` : text;
}

/** The text of bytes that are all printable ASCII, in quotes; anything else as hexadecimal digits, so that what
 * a peer sends cannot steer a terminal.
 */
export function printableText(bytes: Uint8Array, maxBytes = 128): string {
  const isPrintable = bytes.length > 0 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
  if (!isPrintable) return bytes.length === 0 ? '(empty)' : hexText(bytes);
  const text = String.fromCharCode(...bytes.subarray(0, maxBytes));
  return bytes.length > maxBytes ? `"${text}…" (${bytes.length} bytes)` : `"${text}"`;
}
