import type { Proposal } from '@ipsec-kit/ikev2-codec';
import type { TrafficSelector } from '@ipsec-kit/ip';
import type { ChildConfig } from '../config.ts';
import type { TransportOffer } from '../negotiate/transport-mode.ts';

/** What the initiator asks for in a Child SA. */
export interface ChildOffer {
  readonly config: ChildConfig;
  readonly proposals: readonly Proposal[];
  readonly local: readonly TrafficSelector[];
  readonly remote: readonly TrafficSelector[];
  /** There when transport mode is asked for. */
  readonly transport?: TransportOffer;
}
