import type { PacketBatch, Path } from '@ipsec-kit/ip';
import type { SaPair } from './sa-pair.ts';

/** What happened to packets, counted by reason. */
export interface EngineCounters {
  readonly inPackets: number;
  readonly inBytes: number;
  readonly outPackets: number;
  readonly outBytes: number;
  /** Drops by reason: the reasons of `esp`, and those of the engine (`no-sa`, `no-policy`, `selector-mismatch`, `too-big`, `unknown-spi`, ...). */
  readonly drops: Readonly<Record<string, number>>;
}

/** Counters and activity of one SA pair. Ages are kept by whoever samples: the engine knows no time. */
export interface SaPairCounters {
  readonly inPackets: number;
  readonly inBytes: number;
  readonly outPackets: number;
  readonly outBytes: number;
  readonly replayedPackets: number;
}

/** Something the control plane should know; edge-triggered and bounded, drained with {@link PacketEngine.drainFacts}. */
export type Fact =
  | { readonly kind: 'first-inbound'; readonly pairId: number }
  | { readonly kind: 'soft-limit'; readonly pairId: number }
  | { readonly kind: 'hard-limit'; readonly pairId: number }
  | { readonly kind: 'peer-moved'; readonly pairId: number; readonly path: Path }
  | { readonly kind: 'unknown-spi'; readonly spi: number; readonly path: Path };

/** The packet path without any I/O: a batch in, a batch out, in place. */
export interface PacketEngine {
  /** Adds a pair; several with equal selectors may stand at once, the newest active one sends. */
  install(pair: SaPair): void;
  activateOutbound(pairId: number): void;
  movePeer(pairId: number, path: Path): void;
  remove(pairId: number): void;
  /** Inner packets of `batch` are sealed in place; on return the batch holds only the ESP packets that go out,
   * compacted, each with the path it goes to. ICMP errors towards the sender are appended to `toTun`.
   */
  outbound(batch: PacketBatch, toTun: PacketBatch): void;
  /** ESP packets of `batch` (without UDP header) are opened in place; on return it holds only the inner packets. */
  inbound(batch: PacketBatch): void;
  drainFacts(): readonly Fact[];
  counters(): EngineCounters;
  pairCounters(pairId: number): SaPairCounters | undefined;
}
