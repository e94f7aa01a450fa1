import {
  type ConfigAttribute,
  ConfigAttributeType,
  type ConfigPayload,
  ConfigType,
} from '@ipsec-kit/ikev2-codec';
import { addressesEqual, type IpAddress, isUnspecified } from '@ipsec-kit/ip';
import type { Lease } from '../endpoint-work.ts';

/** What a CFG_REPLY gave us. */
export interface ReceivedConfiguration {
  readonly addresses: readonly IpAddress[];
  readonly dns: readonly IpAddress[];
}

/** Most virtual addresses that one peer may ask for. */
export const MAX_REQUESTED_ADDRESSES: number = 8;

/** Most DNS servers of one family that are taken from a CFG_REPLY; resolvers use three. */
export const MAX_DNS_SERVERS: number = 8;

/** The prefix length in an INTERNAL_IP6_ADDRESS that names one host. */
const HOST_PREFIX_BITS = 128;

/** The CFG_REQUEST of an initiator; `undefined` when no virtual address is wanted.
 * @param addresses - the unspecified address asks for any of its family: a value of length 0.
 * @see RFC 7296 §2.19, §3.15.1
 */
export function configRequest(addresses: readonly IpAddress[]): ConfigPayload | undefined {
  if (addresses.length === 0) return undefined;
  const attributes: ConfigAttribute[] = addresses.map((address) =>
    isUnspecified(address)
      ? { type: addressAttributeType(address), value: new Uint8Array(0) }
      : addressAttribute(address),
  );
  for (const version of requestedFamilies(addresses)) {
    attributes.push({ type: dnsAttributeType(version), value: new Uint8Array(0) });
  }
  return { type: 'CP', configType: ConfigType.CFG_REQUEST, attributes };
}

/** The families of the virtual addresses that are asked for. */
export function requestedFamilies(addresses: readonly IpAddress[]): readonly (4 | 6)[] {
  return ([4, 6] as const).filter((version) =>
    addresses.some((address) => address.version === version),
  );
}

/** The addresses that a CFG_REQUEST asks for; the unspecified address where it names none.
 * At most {@link MAX_REQUESTED_ADDRESSES}; attributes of other lengths are ignored.
 */
export function requestedAddresses(payload: ConfigPayload): IpAddress[] {
  const wanted: IpAddress[] = [];
  for (const { type, value } of payload.attributes) {
    if (wanted.length === MAX_REQUESTED_ADDRESSES) break;
    if (type === ConfigAttributeType.INTERNAL_IP4_ADDRESS) {
      wanted.push(readAddress(4, value) ?? { version: 4, bytes: new Uint8Array(4) });
    } else if (type === ConfigAttributeType.INTERNAL_IP6_ADDRESS) {
      wanted.push(readAddress(6, value) ?? { version: 6, bytes: new Uint8Array(16) });
    }
  }
  return wanted;
}

/** The CFG_REPLY for a lease. @see RFC 7296 §3.15.1 */
export function configReply(lease: Lease): ConfigPayload {
  return {
    type: 'CP',
    configType: ConfigType.CFG_REPLY,
    attributes: [
      ...lease.addresses.map(({ address }) => addressAttribute(address)),
      ...lease.dns.map((server) => ({
        type: dnsAttributeType(server.version),
        value: server.bytes,
      })),
      ...lease.attributes,
    ],
  };
}

/** What a CFG_REPLY gives of what was asked for: no more addresses of a family than there were in the request, and DNS
 * servers of those families. Attributes that are unknown or of a wrong length are ignored, and so is a payload that
 * nobody asked for: the peer is not to put addresses on this host at its own will.
 * @param requested - the addresses of our CFG_REQUEST; empty when there was none.
 * @see RFC 7296 §2.19 (no CFG_REPLY without a CFG_REQUEST), §3.15.1 (unrecognized or unsupported attributes MUST be ignored)
 */
export function readConfigReply(
  payload: ConfigPayload,
  requested: readonly IpAddress[],
): ReceivedConfiguration {
  if (payload.configType !== ConfigType.CFG_REPLY) return { addresses: [], dns: [] };
  const given = readAddresses(payload);
  return {
    addresses: requestedFamilies(requested).flatMap((version) => {
      const { length } = requested.filter((address) => address.version === version);
      return ofFamily(given.addresses, version).slice(0, length);
    }),
    dns: requestedFamilies(requested).flatMap((version) =>
      ofFamily(given.dns, version).slice(0, MAX_DNS_SERVERS),
    ),
  };
}

/** The addresses of one family, each once. */
function ofFamily(addresses: readonly IpAddress[], version: 4 | 6): IpAddress[] {
  const family = addresses.filter((address) => address.version === version);
  return family.filter(
    (address, index) => family.findIndex((other) => addressesEqual(other, address)) === index,
  );
}

function readAddresses(payload: ConfigPayload): ReceivedConfiguration {
  const addresses: IpAddress[] = [];
  const dns: IpAddress[] = [];
  for (const { type, value } of payload.attributes) {
    const list =
      type === ConfigAttributeType.INTERNAL_IP4_ADDRESS ||
      type === ConfigAttributeType.INTERNAL_IP6_ADDRESS
        ? addresses
        : type === ConfigAttributeType.INTERNAL_IP4_DNS ||
            type === ConfigAttributeType.INTERNAL_IP6_DNS
          ? dns
          : undefined;
    const isIpv6 =
      type === ConfigAttributeType.INTERNAL_IP6_ADDRESS ||
      type === ConfigAttributeType.INTERNAL_IP6_DNS;
    const address = list && readAddress(isIpv6 ? 6 : 4, value);
    if (address && !isUnspecified(address)) list.push(address);
  }
  return { addresses, dns };
}

function readAddress(version: 4 | 6, value: Uint8Array): IpAddress | undefined {
  if (version === 4) return value.length === 4 ? { version, bytes: value.slice() } : undefined;
  return value.length === 16 || value.length === 17
    ? { version, bytes: value.slice(0, 16) }
    : undefined;
}

function addressAttribute(address: IpAddress): ConfigAttribute {
  const type = addressAttributeType(address);
  if (address.version === 4) return { type, value: address.bytes };
  const value = new Uint8Array(17);
  value.set(address.bytes);
  value[16] = HOST_PREFIX_BITS;
  return { type, value };
}

function addressAttributeType(address: IpAddress): number {
  return address.version === 4
    ? ConfigAttributeType.INTERNAL_IP4_ADDRESS
    : ConfigAttributeType.INTERNAL_IP6_ADDRESS;
}

function dnsAttributeType(version: 4 | 6): number {
  return version === 4
    ? ConfigAttributeType.INTERNAL_IP4_DNS
    : ConfigAttributeType.INTERNAL_IP6_DNS;
}
