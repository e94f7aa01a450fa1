/** Numbers of the IP Protocol and Next Header field, spelled as IANA's registry has them. */
export const IpProtocol = {
  HOPOPT: 0,
  ICMP: 1,
  IGMP: 2,
  IPv4: 4,
  TCP: 6,
  UDP: 17,
  DCCP: 33,
  IPv6: 41,
  'IPv6-Route': 43,
  'IPv6-Frag': 44,
  GRE: 47,
  ESP: 50,
  AH: 51,
  'IPv6-ICMP': 58,
  'IPv6-NoNxt': 59,
  'IPv6-Opts': 60,
  OSPFIGP: 89,
  PIM: 103,
  VRRP: 112,
  L2TP: 115,
  SCTP: 132,
  'Mobility Header': 135,
  UDPLite: 136,
} as const;

const names: ReadonlyMap<number, string> = new Map(
  Object.entries(IpProtocol).map(([name, number]) => [number, name]),
);

/** IANA's keyword of a protocol number, or `protocol 200` for one that is not in {@link IpProtocol}. */
export function ipProtocolName(protocol: number): string {
  return names.get(protocol) ?? `protocol ${protocol}`;
}

/** Whether packets of this protocol begin with a 16-bit source and a 16-bit destination port. */
export function protocolHasPorts(protocol: number): boolean {
  return (
    protocol === IpProtocol.TCP ||
    protocol === IpProtocol.UDP ||
    protocol === IpProtocol.SCTP ||
    protocol === IpProtocol.DCCP ||
    protocol === IpProtocol.UDPLite
  );
}

/** Whether the ports of a selector hold the type and code of an ICMP message instead. @see RFC 7296 §3.13.1 */
export function isIcmpProtocol(protocol: number): boolean {
  return protocol === IpProtocol.ICMP || protocol === IpProtocol['IPv6-ICMP'];
}
