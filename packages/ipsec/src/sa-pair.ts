import type { CipherSuite, KeyMaterial } from '@ipsec-kit/crypto';
import type { EspLimits } from '@ipsec-kit/esp';
import type { Path, TrafficSelector } from '@ipsec-kit/ip';

/** One direction of a Child SA. */
export interface SaHalf {
  readonly spi: number;
  readonly encryptionKey: KeyMaterial;
  readonly integrityKey: KeyMaterial;
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
  /** Where ESP goes, UDP-encapsulated. */
  readonly path: Path;
  readonly replayWindowPackets: number;
  readonly limits: EspLimits;
  /** Largest inner packet before fragmentation is needed; TCP's MSS is clamped to it. */
  readonly innerMtu: number;
  /** Whether outbound traffic uses this pair from the start, or only after {@link PacketEngine.activateOutbound}. */
  readonly outboundActive: boolean;
}
