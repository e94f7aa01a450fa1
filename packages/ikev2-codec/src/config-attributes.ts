import { addressFromBytes, type IpAddress, type Prefix } from '@ipsec-kit/ip';
import type { ConfigAttribute } from './message.ts';
import { ApiMisuseError } from './misuse.ts';
import { ConfigAttributeType } from './registries/config-attribute-type.ts';

const IPV4_ATTRIBUTES: ReadonlySet<number> = /* @__PURE__ */ new Set<number>([
  ConfigAttributeType.INTERNAL_IP4_ADDRESS,
  ConfigAttributeType.INTERNAL_IP4_NETMASK,
  ConfigAttributeType.INTERNAL_IP4_DNS,
  ConfigAttributeType.INTERNAL_IP4_NBNS,
  ConfigAttributeType.INTERNAL_IP4_DHCP,
  ConfigAttributeType.P_CSCF_IP4_ADDRESS,
]);
const IPV6_ATTRIBUTES: ReadonlySet<number> = /* @__PURE__ */ new Set<number>([
  ConfigAttributeType.INTERNAL_IP6_DNS,
  ConfigAttributeType.INTERNAL_IP6_DHCP,
  ConfigAttributeType.P_CSCF_IP6_ADDRESS,
]);

/** Builds an attribute; without a value it asks for one (CFG_REQUEST). @see RFC 7296 §3.15.1 */
export function configAttribute(
  type: number,
  value: Uint8Array = new Uint8Array(0),
): ConfigAttribute {
  return { type, value };
}

/** Builds INTERNAL_IP4_ADDRESS or INTERNAL_IP6_ADDRESS by the family of the address.
 * @param prefixLength - for IPv6 only: the second field of the attribute.
 * @see RFC 7296 §3.15.1, §3.15.3
 */
export function internalAddressAttribute(address: IpAddress, prefixLength = 128): ConfigAttribute {
  if (address.version === 4) {
    return configAttribute(ConfigAttributeType.INTERNAL_IP4_ADDRESS, address.bytes);
  }
  return configAttribute(
    ConfigAttributeType.INTERNAL_IP6_ADDRESS,
    withPrefixLength(address.bytes, prefixLength),
  );
}

/** Builds INTERNAL_IP4_SUBNET (address and netmask) or INTERNAL_IP6_SUBNET (address and prefix length).
 * @see RFC 7296 §3.15.1, §3.15.2
 */
export function internalSubnetAttribute(prefix: Prefix): ConfigAttribute {
  const { address, length } = prefix;
  if (address.version === 6) {
    return configAttribute(
      ConfigAttributeType.INTERNAL_IP6_SUBNET,
      withPrefixLength(address.bytes, length),
    );
  }
  if (length > 32) throw new ApiMisuseError('prefix.length', 'at most 32', length);
  const value = new Uint8Array(8);
  value.set(address.bytes);
  for (let bit = 0; bit < length; bit++) {
    const index = 4 + (bit >>> 3);
    value[index] = (value[index] ?? 0) | (0x80 >>> (bit & 7));
  }
  return configAttribute(ConfigAttributeType.INTERNAL_IP4_SUBNET, value);
}

function withPrefixLength(bytes: Uint8Array, prefixLength: number): Uint8Array {
  if (prefixLength > 128) throw new ApiMisuseError('prefixLength', 'at most 128', prefixLength);
  return Uint8Array.of(...bytes, prefixLength);
}

/** Reads the address of an attribute that holds one: address, netmask, DNS, NBNS, DHCP and P-CSCF, of either family.
 * @returns a copy, or `undefined` when the attribute is empty, of another kind, or of a length that §3.15.1 does not
 *   have: such an attribute MUST be ignored. INTERNAL_IP6_ADDRESS is also taken without its prefix length.
 * @see RFC 7296 §3.15.1
 */
export function decodeConfigAddress(attribute: ConfigAttribute): IpAddress | undefined {
  const { type, value } = attribute;
  if (IPV4_ATTRIBUTES.has(type)) return value.length === 4 ? addressFromBytes(value) : undefined;
  if (IPV6_ATTRIBUTES.has(type)) return value.length === 16 ? addressFromBytes(value) : undefined;
  if (type !== ConfigAttributeType.INTERNAL_IP6_ADDRESS) return undefined;
  return value.length === 17 || value.length === 16
    ? addressFromBytes(value.subarray(0, 16))
    : undefined;
}

/** Reads INTERNAL_IP4_SUBNET or INTERNAL_IP6_SUBNET.
 * @returns `undefined` when the attribute is empty, of another kind, or its mask has holes.
 * @see RFC 7296 §3.15.1
 */
export function decodeConfigSubnet(attribute: ConfigAttribute): Prefix | undefined {
  const { type, value } = attribute;
  if (type === ConfigAttributeType.INTERNAL_IP4_SUBNET && value.length === 8) {
    const length = maskLength(value.subarray(4));
    return length === undefined
      ? undefined
      : { address: addressFromBytes(value.subarray(0, 4)), length };
  }
  if (type === ConfigAttributeType.INTERNAL_IP6_SUBNET && value.length === 17) {
    const length = value[16] ?? 0;
    return length > 128 ? undefined : { address: addressFromBytes(value.subarray(0, 16)), length };
  }
  return undefined;
}

/** The number of leading ones, or `undefined` when a one follows a zero. */
function maskLength(mask: Uint8Array): number | undefined {
  const bits = [...mask].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const length = bits.indexOf('0') === -1 ? bits.length : bits.indexOf('0');
  return bits.lastIndexOf('1') < length ? length : undefined;
}
