import { type RegistryNames, registryName, registryNames } from './registry-name.ts';

/** Certificate encodings of the CERT and CERTREQ payloads. @see RFC 7296 §3.6 */
export const CertEncoding = {
  /** PKCS #7 wrapped X.509 certificate */
  PKCS_7_WRAPPED_X509_CERTIFICATE: 1,
  /** PGP Certificate */
  PGP_CERTIFICATE: 2,
  /** DNS Signed Key */
  DNS_SIGNED_KEY: 3,
  /** X.509 Certificate - Signature */
  X509_CERTIFICATE_SIGNATURE: 4,
  /** Kerberos Token */
  KERBEROS_TOKEN: 6,
  /** Certificate Revocation List (CRL) */
  CERTIFICATE_REVOCATION_LIST: 7,
  /** Authority Revocation List (ARL) */
  AUTHORITY_REVOCATION_LIST: 8,
  /** SPKI Certificate */
  SPKI_CERTIFICATE: 9,
  /** X.509 Certificate - Attribute */
  X509_CERTIFICATE_ATTRIBUTE: 10,
  /** Raw RSA Key (DEPRECATED) */
  RAW_RSA_KEY: 11,
  /** Hash and URL of X.509 certificate */
  HASH_AND_URL_OF_X509_CERTIFICATE: 12,
  /** Hash and URL of X.509 bundle */
  HASH_AND_URL_OF_X509_BUNDLE: 13,
  /** OCSP Content */
  OCSP_CONTENT: 14,
  /** Raw Public Key */
  RAW_PUBLIC_KEY: 15,
} as const;

const certEncodingNames: RegistryNames = /* @__PURE__ */ registryNames(CertEncoding);

/** The name of a certificate encoding, or `unknown(n)`. */
export function certEncodingName(value: number): string {
  return registryName(certEncodingNames, value);
}
