import type { IpAddress } from '@ipsec-kit/ip';

/** What a peer answers that gets it: an echo request through the tunnel, padded behind its end so that the answer is small.
 * @see RFC 8899 §4.1, RFC 4303 §2.7
 */
export interface PathProbe {
  /** Inside of the selectors of the pair, as the packets of the hosts are. */
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** 16 bits that nobody else on this host uses for an echo to `destination`. */
  readonly identifier: number;
  /** 16 bits, told with the answer. */
  readonly sequence: number;
  /** Of the whole inner packet, padding included: `innerMtuOfPath` of the size that is probed. */
  readonly bytes: number;
}
