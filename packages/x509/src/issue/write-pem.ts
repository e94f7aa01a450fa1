const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const LINE_LETTERS = 64;

/** One PEM block, with a line feed at its end. @param label - `CERTIFICATE`, `PRIVATE KEY`, `X509 CRL`, ... @see RFC 7468 §3 */
export function writePem(label: string, der: Uint8Array): string {
  const letters = encodeBase64(der);
  const lines: string[] = [];
  for (let at = 0; at < letters.length; at += LINE_LETTERS) {
    lines.push(letters.slice(at, at + LINE_LETTERS));
  }
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const [first = 0, second, third] = bytes.subarray(at, at + 3);
    const bits = (first << 16) | ((second ?? 0) << 8) | (third ?? 0);
    const letter = (shift: number): string => ALPHABET.charAt((bits >> shift) & 63);
    text += letter(18) + letter(12);
    text += second === undefined ? '=' : letter(6);
    text += third === undefined ? '=' : letter(0);
  }
  return text;
}
