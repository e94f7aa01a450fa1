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
  /** Whether our packets may use it; a responder's waits for a sign that the peer has it. */
  isActive: boolean;
  /** When it is used in any case. */
  readonly activateAt: Instant | undefined;
  /** The Child SA that has taken its place, by rekey or reauthentication. */
  replacedBy: number | undefined;
  /** Why our DELETE is on its way, once it is. */
  deleting: string | undefined;
}
