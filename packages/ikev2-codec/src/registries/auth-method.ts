import { type RegistryNames, registryName, registryNames } from './registry-name.ts';

/** Authentication methods of the AUTH payload. @see RFC 7296 §3.8, RFC 7427 §3 */
export const AuthMethod = {
  /** RSA Digital Signature */
  RSA_DIGITAL_SIGNATURE: 1,
  /** Shared Key Message Integrity Code */
  SHARED_KEY_MESSAGE_INTEGRITY_CODE: 2,
  /** DSS Digital Signature */
  DSS_DIGITAL_SIGNATURE: 3,
  /** ECDSA with SHA-256 on the P-256 curve */
  ECDSA_WITH_SHA256_ON_THE_P_256_CURVE: 9,
  /** ECDSA with SHA-384 on the P-384 curve */
  ECDSA_WITH_SHA384_ON_THE_P_384_CURVE: 10,
  /** ECDSA with SHA-512 on the P-521 curve */
  ECDSA_WITH_SHA512_ON_THE_P_521_CURVE: 11,
  /** Generic Secure Password Authentication Method */
  GENERIC_SECURE_PASSWORD_AUTHENTICATION_METHOD: 12,
  /** NULL Authentication */
  NULL_AUTHENTICATION: 13,
  /** Digital Signature */
  DIGITAL_SIGNATURE: 14,
} as const;

const authMethodNames: RegistryNames = /* @__PURE__ */ registryNames(AuthMethod);

/** The name of an authentication method, or `unknown(n)`. */
export function authMethodName(value: number): string {
  return registryName(authMethodNames, value);
}
