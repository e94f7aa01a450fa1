import { type RegistryNames, registryName, registryNames } from './registry-name.ts';

/** Exchange types of the IKE header. @see RFC 7296 §3.1 */
export const ExchangeType = {
  IKE_SA_INIT: 34,
  IKE_AUTH: 35,
  CREATE_CHILD_SA: 36,
  INFORMATIONAL: 37,
  IKE_SESSION_RESUME: 38,
  GSA_AUTH: 39,
  GSA_REGISTRATION: 40,
  GSA_REKEY: 41,
  GSA_INBAND_REKEY: 42,
  IKE_INTERMEDIATE: 43,
  IKE_FOLLOWUP_KE: 44,
} as const;

const exchangeTypeNames: RegistryNames = /* @__PURE__ */ registryNames(ExchangeType);

/** The IANA name of an exchange type, or `unknown(n)`. */
export function exchangeTypeName(value: number): string {
  return registryName(exchangeTypeNames, value);
}
