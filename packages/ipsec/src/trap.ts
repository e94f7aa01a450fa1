import type { TrafficSelector } from '@ipsec-kit/ip';

/** Traffic that wants an SA when there is none. @see RFC 4301 §4.4.1 (an SPD entry to PROTECT), §5.1 */
export interface Trap {
  /** Identity of the trap for the control plane; unique among the traps that stand. */
  readonly id: number;
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
}
