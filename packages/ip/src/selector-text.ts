import { compareAddresses, type IpAddress } from './address.ts';
import { formatAddress, parseAddress } from './address-text.ts';
import { isIcmpProtocol } from './ip-protocol.ts';
import { firstAddress, formatPrefix, lastAddress, parsePrefix } from './prefix.ts';
import { rangeToPrefixes } from './selector-prefixes.ts';
import {
  ANY_PORT,
  isAnyPort,
  isOpaquePort,
  OPAQUE_PORT,
  type PortRange,
  type TrafficSelector,
} from './traffic-selector.ts';

/** The protocol and port part of a selector's text. */
export interface ProtocolAndPorts extends PortRange {
  readonly protocol: number;
}

/** Names as /etc/protocols has them, in lower case; the first name of a number is the one that is printed. */
const protocolNumbers: Readonly<Record<string, number>> = {
  any: 0,
  '%any': 0,
  icmp: 1,
  igmp: 2,
  ipencap: 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': 58,
  icmpv6: 58,
  ospf: 89,
  pim: 103,
  vrrp: 112,
  l2tp: 115,
  sctp: 132,
  'mobility-header': 135,
  udplite: 136,
};

/** Service names that appear in selectors; others are written as numbers. */
const servicePorts: Readonly<Record<string, number>> = {
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  bootps: 67,
  bootpc: 68,
  tftp: 69,
  http: 80,
  ntp: 123,
  snmp: 161,
  bgp: 179,
  ldap: 389,
  https: 443,
  isakmp: 500,
  syslog: 514,
  ldaps: 636,
  l2f: 1701,
  l2tp: 1701,
  radius: 1812,
  'radius-acct': 1813,
  'ipsec-nat-t': 4500,
  sip: 5060,
};

/** Reads a selector as strongSwan writes it: a prefix, an address or a range (`10.0.0.1-10.0.0.9`), and
 * optionally `[protocol/port]`: `10.0.0.0/8[tcp/80]`, `2001:db8::/32[udp/1024-65535]`, `10.0.0.1[icmp/8]`.
 * @returns the selector, or `undefined` when `text` is not one.
 */
export function parseSelector(text: string): TrafficSelector | undefined {
  const match = /^([^[\]]+)(?:\[([^[\]]*)\])?$/.exec(text.trim());
  if (!match) return undefined;
  const range = parseRange((match[1] ?? '').trim());
  const filter = match[2] === undefined ? undefined : parseProtocolAndPorts(match[2]);
  if (!range || (match[2] !== undefined && !filter)) return undefined;
  return { ...(filter ?? { protocol: 0, ...ANY_PORT }), ...range };
}

/** Reads the part in brackets: a protocol, or a protocol, a slash and ports: `tcp/80`, `udp`, `any/1024-2048`,
 * `17/opaque`. For ICMP a number below 256 is a type with all its codes.
 * @returns protocol and ports, or `undefined` when `text` is neither.
 */
export function parseProtocolAndPorts(text: string): ProtocolAndPorts | undefined {
  const [protocolText, portText, ...more] = text
    .split('/')
    .map((part) => part.trim().toLowerCase());
  if (protocolText === undefined || more.length > 0) return undefined;
  const protocol =
    protocolText === ''
      ? 0
      : (numberOfName(protocolNumbers, protocolText) ?? parseNumber(protocolText, 255));
  if (protocol === undefined) return undefined;
  const ports = parsePorts(portText ?? '', isIcmpProtocol(protocol));
  return ports && { protocol, startPort: ports.startPort, endPort: ports.endPort };
}

/** Reads a prefix, an address, or a range written with `-` or `..`, as its first and last address.
 * @returns `undefined` when `text` is none of these or the range is inverted.
 */
export function parseRange(text: string): { start: IpAddress; end: IpAddress } | undefined {
  const ends = text.split(/\.\.|-/);
  if (ends.length === 1) {
    const prefix = parsePrefix(text);
    return prefix && { start: firstAddress(prefix), end: lastAddress(prefix) };
  }
  if (ends.length !== 2) return undefined;
  const start = parseAddress((ends[0] ?? '').trim());
  const end = parseAddress((ends[1] ?? '').trim());
  if (!start || !end || start.version !== end.version) return undefined;
  return compareAddresses(start, end) <= 0 ? { start, end } : undefined;
}

/** The text of a selector: `10.0.0.0/8`, `10.0.0.1/32[tcp/80]`, `10.0.0.1..10.0.0.9[udp]`, `::/0[ipv6-icmp/128(0)]`. */
export function formatSelector(selector: TrafficSelector): string {
  const prefixes = rangeToPrefixes(selector.start, selector.end);
  const [prefix] = prefixes;
  const range =
    prefix && prefixes.length === 1
      ? formatPrefix(prefix)
      : `${formatAddress(selector.start)}..${formatAddress(selector.end)}`;
  if (selector.protocol === 0 && isAnyPort(selector)) return range;
  const protocol = protocolText(selector.protocol);
  return isAnyPort(selector)
    ? `${range}[${protocol}]`
    : `${range}[${protocol}/${portsText(selector)}]`;
}

function protocolText(protocol: number): string {
  const named = Object.entries(protocolNumbers).find(([, number]) => number === protocol);
  return named?.[0] ?? String(protocol);
}

function portsText(selector: TrafficSelector): string {
  const { protocol, startPort, endPort } = selector;
  if (isOpaquePort(selector)) return 'opaque';
  const one = (port: number): string =>
    isIcmpProtocol(protocol) ? `${port >> 8}(${port & 0xff})` : String(port);
  return startPort === endPort ? one(startPort) : `${one(startPort)}-${one(endPort)}`;
}

function parsePorts(text: string, icmp: boolean): PortRange | undefined {
  if (text === '' || text === 'any' || text === '%any') return ANY_PORT;
  if (text === 'opaque' || text === '%opaque') return OPAQUE_PORT;
  const named = numberOfName(servicePorts, text);
  if (named !== undefined) return { startPort: named, endPort: named };
  const ends = text.split('-').map((part) => part.trim());
  if (ends.length > 2) return undefined;
  const startPort = parsePort(ends[0] ?? '', icmp, 0);
  const endPort = parsePort(ends[1] ?? ends[0] ?? '', icmp, 255);
  if (startPort === undefined || endPort === undefined || startPort > endPort) return undefined;
  return { startPort, endPort };
}

/** A port; for ICMP `8(0)`, or a type alone, which stands for its first or last code. */
function parsePort(text: string, icmp: boolean, code: number): number | undefined {
  const typeAndCode = icmp ? /^(\d+)\((\d+)\)$/.exec(text) : null;
  if (typeAndCode) {
    const type = parseNumber(typeAndCode[1] ?? '', 255);
    const given = parseNumber(typeAndCode[2] ?? '', 255);
    return type === undefined || given === undefined ? undefined : (type << 8) | given;
  }
  const number = parseNumber(text, 65535);
  return icmp && number !== undefined && number < 256 ? (number << 8) | code : number;
}

/** Own entries only: `constructor` is no protocol. */
function numberOfName(numbers: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(numbers, name) ? numbers[name] : undefined;
}

function parseNumber(text: string, max: number): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const number = Number(text);
  return number <= max ? number : undefined;
}
