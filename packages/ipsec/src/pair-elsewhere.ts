import type { PacketBatch, TrafficSelector } from '@ipsec-kit/ip';

/** A pair that stands in another engine of the same tunnel, where several share its packets: this one knows which packets of the host
 * belong to it, and neither its keys nor its numbers, which have one owner.
 */
export interface PairElsewhere {
  /** That of the pair in its own engine. */
  readonly id: number;
  /** Which engine that is, for {@link HandOver}. */
  readonly owner: number;
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
  /** As `SaPair.outboundActive`. */
  readonly outboundActive: boolean;
}

/** Takes an inner packet that belongs to a pair of another engine: packet `index` of the batch, which is to be copied at once, since its
 * memory is used again.
 */
export type HandOver = (owner: number, batch: PacketBatch, index: number) => void;

/** One in the databases of an engine. */
export interface InstalledElsewhere {
  readonly id: number;
  readonly owner: number;
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
  isActive: boolean;
  /** As `InstalledPair.activation`: engines that are told the same in the same order choose alike. */
  activation: number;
}
