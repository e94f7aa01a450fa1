import type { IpAddress } from './address.ts';

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
