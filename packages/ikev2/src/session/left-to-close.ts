import type { Instant } from '@ipsec-kit/clock';
import type { TrafficSelector } from '@ipsec-kit/ip';

/** A Child SA that somebody here has closed under an IKE SA which ended before the peer could be told. */
export interface LeftToClose {
  readonly name: string;
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
  readonly reason: string;
  /** Until when what the peer asks for in its place may be meant for it. */
  readonly until: Instant;
}
