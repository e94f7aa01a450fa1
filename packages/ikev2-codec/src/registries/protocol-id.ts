import { type RegistryNames, registryName, registryNames } from './registry-name.ts';

/** Security protocols of proposals, notifies and deletes. @see RFC 7296 §3.3.1 */
export const ProtocolId = {
  IKE: 1,
  AH: 2,
  ESP: 3,
  FC_ESP_HEADER: 4,
  FC_CT_AUTHENTICATION: 5,
  GIKE_UPDATE: 6,
} as const;

const protocolIdNames: RegistryNames = /* @__PURE__ */ registryNames(ProtocolId);

/** The IANA name of a security protocol, or `unknown(n)`. */
export function protocolIdName(value: number): string {
  return registryName(protocolIdNames, value);
}
