import { bytesEqual } from '@ipsec-kit/crypto';
import type { Certificate } from './certificate.ts';

/** Whether a certificate names another one as its issuer: by its subject and, where both say so, by the id of its key, since a CA with
 * a new key may keep its name. No signature is looked at. @see RFC 5280 §4.1.2.4, §4.2.1.1
 */
export function isNamedIssuer(
  issuer: Certificate,
  { issuer: name, extensions: { authorityKeyId } }: Pick<Certificate, 'issuer' | 'extensions'>,
): boolean {
  const { subjectKeyId } = issuer.extensions;
  if (!bytesEqual(issuer.subject, name)) return false;
  return !authorityKeyId || !subjectKeyId || bytesEqual(authorityKeyId, subjectKeyId);
}
