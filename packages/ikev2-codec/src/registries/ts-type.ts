import { type RegistryNames, registryName, registryNames } from './registry-name.ts';

/** Traffic selector types. @see RFC 7296 §3.13.1 */
export const TsType = {
  TS_IPV4_ADDR_RANGE: 7,
  TS_IPV6_ADDR_RANGE: 8,
  TS_FC_ADDR_RANGE: 9,
  TS_SECLABEL: 10,
} as const;

const tsTypeNames: RegistryNames = /* @__PURE__ */ registryNames(TsType);

/** The IANA name of a traffic selector type, or `unknown(n)`. */
export function tsTypeName(value: number): string {
  return registryName(tsTypeNames, value);
}
