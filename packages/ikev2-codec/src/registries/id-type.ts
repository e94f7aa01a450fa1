import { type RegistryNames, registryName, registryNames } from './registry-name.ts';

/** Identification types of the IDi and IDr payloads. @see RFC 7296 §3.5, RFC 7619 §2.2 */
export const IdType = {
  ID_IPV4_ADDR: 1,
  ID_FQDN: 2,
  ID_RFC822_ADDR: 3,
  ID_IPV6_ADDR: 5,
  ID_DER_ASN1_DN: 9,
  ID_DER_ASN1_GN: 10,
  ID_KEY_ID: 11,
  ID_FC_NAME: 12,
  ID_NULL: 13,
} as const;

const idTypeNames: RegistryNames = /* @__PURE__ */ registryNames(IdType);

/** The IANA name of an identification type, or `unknown(n)`. */
export function idTypeName(value: number): string {
  return registryName(idTypeNames, value);
}
