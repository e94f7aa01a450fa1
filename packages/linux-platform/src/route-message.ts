import { addressFromBytes, type IpAddress } from '@ipsec-kit/ip';
import {
  attributeUint32,
  decodeAttributes,
  type NetlinkMessage,
  viewOf,
} from './netlink-message.ts';

/** Types of rtnetlink messages. @see rtnetlink(7) */
export const RTM_NEWLINK = 16;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_GETROUTE = 26;
export const RTM_NEWNEIGH = 28;
export const RTM_GETNEIGH = 30;

const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const IFF_LOWER_UP = 0x1_0000;
/** The address is still being checked for duplicates, or failed that: it cannot be sent from. */
const IFA_F_DADFAILED = 0x08;
const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;
const RT_TABLE_MAIN = 254;
const RTN_UNICAST = 1;
/** A neighbour of which the link-layer address is known. */
const NUD_VALID = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80;

/** A network interface. */
export interface LinkRecord {
  readonly kind: 'link';
  readonly index: number;
  readonly name: string;
  /** Up, and with a carrier. */
  readonly isUp: boolean;
  readonly isLoopback: boolean;
  readonly mtu: number;
}

/** An address of an interface. */
export interface AddressRecord {
  readonly kind: 'address';
  readonly index: number;
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** It can be sent from: not tentative, no duplicate. */
  readonly isUsable: boolean;
  readonly isDeprecated: boolean;
}

/** A default route of the main table. */
export interface RouteRecord {
  readonly kind: 'default-route';
  readonly version: 4 | 6;
  readonly index: number;
  readonly gateway: IpAddress | undefined;
  readonly metric: number;
}

/** What is known of a neighbour's link-layer address. */
export interface NeighbourRecord {
  readonly kind: 'neighbour';
  readonly index: number;
  readonly address: IpAddress;
  readonly linkAddress: Uint8Array;
}

/** What a network consists of, one record for each thing; `kind` tells them apart. */
export type RouteRecordKind = LinkRecord | AddressRecord | RouteRecord | NeighbourRecord;

/** What a message says of something that is there; `undefined` for what is gone, of no interest, or malformed. */
export function decodeRouteRecord(message: NetlinkMessage): RouteRecordKind | undefined {
  switch (message.type) {
    case RTM_NEWLINK:
      return decodeLink(message.payload);
    case RTM_NEWADDR:
      return decodeAddress(message.payload);
    case RTM_NEWROUTE:
      return decodeDefaultRoute(message.payload);
    case RTM_NEWNEIGH:
      return decodeNeighbour(message.payload);
    default:
      return undefined;
  }
}

/** ifinfomsg: family, type, index, flags, change. */
function decodeLink(payload: Uint8Array): LinkRecord | undefined {
  const FIXED_BYTES = 16;
  const IFLA_IFNAME = 3;
  const IFLA_MTU = 4;
  if (payload.length < FIXED_BYTES) return undefined;
  const view = viewOf(payload);
  const flags = view.getUint32(8, true);
  const attributes = decodeAttributes(payload, FIXED_BYTES);
  const name = attributes.get(IFLA_IFNAME);
  if (name === undefined) return undefined;
  return {
    kind: 'link',
    index: view.getInt32(4, true),
    name: textOf(name),
    isUp: (flags & IFF_UP) !== 0 && (flags & IFF_LOWER_UP) !== 0,
    isLoopback: (flags & IFF_LOOPBACK) !== 0,
    mtu: attributeUint32(attributes.get(IFLA_MTU)) ?? 0,
  };
}

/** ifaddrmsg: family, prefix length, flags, scope, index. */
function decodeAddress(payload: Uint8Array): AddressRecord | undefined {
  const FIXED_BYTES = 8;
  const IFA_ADDRESS = 1;
  const IFA_LOCAL = 2;
  const IFA_FLAGS = 8;
  if (payload.length < FIXED_BYTES) return undefined;
  const view = viewOf(payload);
  const attributes = decodeAttributes(payload, FIXED_BYTES);
  // On a point-to-point link IFA_ADDRESS is the other end; IPv6 has no IFA_LOCAL elsewhere.
  const address = addressOf(attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS));
  if (address === undefined) return undefined;
  const flags = attributeUint32(attributes.get(IFA_FLAGS)) ?? view.getUint8(2);
  return {
    kind: 'address',
    index: view.getUint32(4, true),
    address,
    prefixLength: Math.min(view.getUint8(1), address.bytes.length * 8),
    isUsable: (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) === 0,
    isDeprecated: (flags & IFA_F_DEPRECATED) !== 0,
  };
}

/** rtmsg: family, destination and source length, tos, table, protocol, scope, type, flags. */
function decodeDefaultRoute(payload: Uint8Array): RouteRecord | undefined {
  const FIXED_BYTES = 12;
  const RTA_OIF = 4;
  const RTA_GATEWAY = 5;
  const RTA_PRIORITY = 6;
  const RTA_TABLE = 15;
  if (payload.length < FIXED_BYTES) return undefined;
  const version = versionOf(payload[0]);
  const attributes = decodeAttributes(payload, FIXED_BYTES);
  const table = attributeUint32(attributes.get(RTA_TABLE)) ?? payload[4];
  const index = attributeUint32(attributes.get(RTA_OIF));
  const isDefault = payload[1] === 0 && payload[7] === RTN_UNICAST && table === RT_TABLE_MAIN;
  if (!isDefault || version === undefined || index === undefined) return undefined;
  return {
    kind: 'default-route',
    version,
    index,
    gateway: addressOf(attributes.get(RTA_GATEWAY)),
    metric: attributeUint32(attributes.get(RTA_PRIORITY)) ?? 0,
  };
}

/** ndmsg: family, index, state, flags, type. */
function decodeNeighbour(payload: Uint8Array): NeighbourRecord | undefined {
  const FIXED_BYTES = 12;
  const NDA_DST = 1;
  const NDA_LLADDR = 2;
  if (payload.length < FIXED_BYTES) return undefined;
  const view = viewOf(payload);
  const attributes = decodeAttributes(payload, FIXED_BYTES);
  const address = addressOf(attributes.get(NDA_DST));
  const linkAddress = attributes.get(NDA_LLADDR);
  const isValid = (view.getUint16(8, true) & NUD_VALID) !== 0;
  if (!isValid || address === undefined || linkAddress === undefined) return undefined;
  const index = view.getInt32(4, true);
  return { kind: 'neighbour', index, address, linkAddress: linkAddress.slice() };
}

function versionOf(family: number | undefined): 4 | 6 | undefined {
  const AF_INET = 2;
  const AF_INET6 = 10;
  if (family === AF_INET) return 4;
  return family === AF_INET6 ? 6 : undefined;
}

function addressOf(bytes: Uint8Array | undefined): IpAddress | undefined {
  if (bytes === undefined || (bytes.length !== 4 && bytes.length !== 16)) return undefined;
  return addressFromBytes(bytes);
}

/** A name of the kernel: up to the zero byte, at most 15 characters. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, Math.min(15, end < 0 ? bytes.length : end)));
}
