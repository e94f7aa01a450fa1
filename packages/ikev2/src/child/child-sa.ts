import type { Instant } from '@ipsec-kit/clock';
import type { ChildConfig } from '../config.ts';

/** One installed Child SA: a pair of ESP SAs. */
export interface ChildSa {
  /** What the packet path calls it. */
  readonly id: number;
  readonly config: ChildConfig;
  /** The SPI of packets to us: what our DELETE names. */
  readonly inboundSpi: number;
  /** The SPI of packets to the peer: what its DELETE names. */
  readonly outboundSpi: number;
  readonly expiresAt: Instant | undefined;
  /** Why our DELETE is on its way, once it is. */
  deleting: string | undefined;
}
