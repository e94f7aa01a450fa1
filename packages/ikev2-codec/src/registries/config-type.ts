import { type RegistryNames, registryName, registryNames } from './registry-name.ts';

/** Kinds of the configuration payload. @see RFC 7296 §3.15 */
export const ConfigType = {
  CFG_REQUEST: 1,
  CFG_REPLY: 2,
  CFG_SET: 3,
  CFG_ACK: 4,
} as const;

const configTypeNames: RegistryNames = /* @__PURE__ */ registryNames(ConfigType);

/** The IANA name of a kind of configuration payload, or `unknown(n)`. */
export function configTypeName(value: number): string {
  return registryName(configTypeNames, value);
}
