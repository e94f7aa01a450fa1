import type { CipherSuite, KeyMaterial } from '@ipsec-kit/crypto';
import type { EspLimits } from '@ipsec-kit/esp';
import type { IpAddress, Path, TrafficSelector } from '@ipsec-kit/ip';
import type { TfcPadding } from './tfc-padding.ts';

/** One direction of a Child SA. */
export interface SaHalf {
  readonly spi: number;
  readonly encryptionKey: KeyMaterial;
  readonly integrityKey: KeyMaterial;
}

/** Between whom a transport mode SA carries packets, as this host sees the two. */
export interface TransportAddresses {
  readonly local: IpAddress;
  readonly remote: IpAddress;
  /** The same two as the peer sees them, where a NAT lies between: its checksums cover these. Absent: no other ones.
   * @see RFC 7296 §2.23.1 (the original traffic selectors), RFC 3948 §3.1.2
   */
  readonly atPeer?: { readonly local: IpAddress; readonly remote: IpAddress };
}

/** What the packet engine needs to carry a Child SA: negotiated, keyed, and ready to go. */
export interface SaPair {
  /** Identity of the pair for the control plane; unique for the life of an engine. */
  readonly id: number;
  readonly suite: CipherSuite;
  readonly inbound: SaHalf;
  readonly outbound: SaHalf;
  /** Negotiated selectors of this side and of the peer. */
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
  /** Default tunnel. In transport mode the IP header of a packet is not sent but rebuilt by the receiver, and the
   * selectors are those of one host on either side. @see RFC 4301 §4.1
   */
  readonly mode?: 'tunnel' | 'transport';
  /** In transport mode: the addresses of the headers that are rebuilt. */
  readonly transportAddresses?: TransportAddresses;
  /** Where ESP goes, UDP-encapsulated. */
  readonly path: Path;
  readonly replayWindowPackets: number;
  /** Extended sequence numbers, as negotiated for both directions; default false. @see RFC 4303 §2.2.1 */
  readonly esn?: boolean;
  /** Padding of what is sent, in tunnel mode, where the peer has not said ESP_TFC_PADDING_NOT_SUPPORTED; default none.
   * @see RFC 7296 §1.3.1
   */
  readonly tfcPadding?: TfcPadding;
  /** Whether the outer header shows the DSCP of the packet inside; default true. Its ECN field is always there, and in
   * transport mode both are. @see RFC 4301 §5.1.2
   */
  readonly copyDscp?: boolean;
  readonly limits: EspLimits;
  /** Largest inner packet, IP header included, before fragmentation is needed; TCP's MSS is clamped to it. */
  readonly innerMtu: number;
  /** What TCP's MSS is clamped to instead, while it is not known that the path carries so much: at most `innerMtu`, which is the
   * default. A connection keeps the MSS that it has begun with.
   */
  readonly tcpMtu?: number;
  /** Whether outbound traffic uses this pair from the start, or only after {@link PacketEngine.activateOutbound}. */
  readonly outboundActive: boolean;
}
