/** What a secret in a file stands for: text, or bytes after `0x` (hexadecimal) and `0s` (Base64).
 * @returns `undefined` when the digits after `0x` or `0s` are none. The secret is in no message.
 * @see swanctl.conf(5), `secrets.ike<suffix>.secret`
 */
export function parseSecretText(text: string): string | Uint8Array | undefined {
  if (/^0x/i.test(text)) return parseHex(text.slice(2));
  return /^0s/i.test(text) ? parseBase64(text.slice(2)) : text;
}

/** Colons may stand between bytes; an odd number of digits has a zero in front. */
function parseHex(text: string): Uint8Array | undefined {
  const digits = text.replaceAll(':', '');
  if (!/^[0-9a-f]+$/i.test(digits)) return undefined;
  return Uint8Array.from(Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex'));
}

function parseBase64(text: string): Uint8Array | undefined {
  const digits = text.replace(/={1,2}$/, '');
  // RFC 4648 §4: one digit alone in the last group is not even a byte.
  if (!/^[A-Za-z0-9+/]+$/.test(digits) || digits.length % 4 === 1) return undefined;
  return Uint8Array.from(Buffer.from(digits, 'base64'));
}
