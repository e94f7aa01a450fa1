import { type CertificateNames, formatIdentity, identityOfCertificate } from '@ipsec-kit/auth';

/** Whom a certificate is for, in words: the subject, then what the subjectAltName has; each once. */
export function namesText(names: CertificateNames): string {
  const known = [identityOfCertificate(names), ...names.altNames]
    .flatMap((one) => (one ? [formatIdentity(one)] : []))
    .filter((text, index, all) => all.indexOf(text) === index);
  return known.slice(0, MAX_NAMES).join(', ');
}

const MAX_NAMES = 8;
