import type { IpAddress, Prefix } from './address.ts';
import { firstAddress, hostPrefix, lastAddress } from './prefix.ts';

/** A traffic selector of IKEv2: a protocol, a port range and an address range, all inclusive.
 * @see RFC 7296 §3.13.1; protocol 0 is any; ports 0-65535 are any, 65535-0 is OPAQUE.
 */
export interface TrafficSelector {
  readonly protocol: number;
  readonly startPort: number;
  readonly endPort: number;
  readonly start: IpAddress;
  readonly end: IpAddress;
}

/** A range of ports, inclusive. For ICMP a port is the type in the high and the code in the low 8 bits. */
export interface PortRange {
  readonly startPort: number;
  readonly endPort: number;
}

/** Every port, and packets in which no port can be seen. @see RFC 4301 §4.4.1.1 */
export const ANY_PORT: PortRange = { startPort: 0, endPort: 65535 };

/** Only packets in which no port can be seen, such as later fragments. @see RFC 4301 §4.4.1.1 */
export const OPAQUE_PORT: PortRange = { startPort: 65535, endPort: 0 };

/** Whether these ports are any. */
export function isAnyPort(ports: PortRange): boolean {
  return ports.startPort === 0 && ports.endPort === 65535;
}

/** Whether these ports are OPAQUE. */
export function isOpaquePort(ports: PortRange): boolean {
  return ports.startPort === 65535 && ports.endPort === 0;
}

/** The selector of all addresses of a prefix; host bits of the prefix do not count.
 * @param protocol - 0, the default, is any.
 * @param ports - default {@link ANY_PORT}.
 */
export function prefixToSelector(
  prefix: Prefix,
  protocol = 0,
  ports: PortRange = ANY_PORT,
): TrafficSelector {
  return {
    protocol,
    startPort: ports.startPort,
    endPort: ports.endPort,
    start: firstAddress(prefix),
    end: lastAddress(prefix),
  };
}

/** The selector of one address.
 * @param protocol - 0, the default, is any.
 * @param ports - default {@link ANY_PORT}.
 */
export function addressToSelector(
  address: IpAddress,
  protocol = 0,
  ports: PortRange = ANY_PORT,
): TrafficSelector {
  return prefixToSelector(hostPrefix(address), protocol, ports);
}
