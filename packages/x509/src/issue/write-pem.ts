import { base64 } from '@scure/base';

const LINE_LETTERS = 64;

/** One PEM block, with a line feed at its end. @param label - `CERTIFICATE`, `PRIVATE KEY`, `X509 CRL`, ... @see RFC 7468 §3 */
export function writePem(label: string, der: Uint8Array): string {
  const letters = base64.encode(der);
  const lines: string[] = [];
  for (let at = 0; at < letters.length; at += LINE_LETTERS) {
    lines.push(letters.slice(at, at + LINE_LETTERS));
  }
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
