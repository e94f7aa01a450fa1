import type { X509Certificate } from 'node:crypto';

/** Whom a client's certificate names: its first e-mail address, else its first DNS name, else the common name of its subject; in
 * UTF-8. Names that node quotes, since they hold letters that names do not, are passed over. @see RFC 5216 §5.2
 */
export function certificateUser(certificate: X509Certificate | undefined): Uint8Array | undefined {
  if (certificate === undefined) return undefined;
  const names = certificate.subjectAltName?.split(', ') ?? [];
  const name =
    firstOf(names, 'email:') ??
    firstOf(names, 'DNS:') ??
    firstOf(certificate.subject?.split('\n') ?? [], 'CN=');
  return name === undefined ? undefined : Uint8Array.from(Buffer.from(name));
}

function firstOf(entries: readonly string[], prefix: string): string | undefined {
  return entries
    .find((entry) => entry.startsWith(prefix) && !/["\\\0]/.test(entry))
    ?.slice(prefix.length);
}
