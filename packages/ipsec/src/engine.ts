import type { PacketBatch, Path } from '@ipsec-kit/ip';
import type { SaPair } from './sa-pair.ts';

/** What happened to packets, counted by reason. */
export interface EngineCounters {
  readonly inPackets: number;
  readonly inBytes: number;
  readonly outPackets: number;
  readonly outBytes: number;
  /** Drops by reason: `DropReason`, those of `esp` and those of the engine; every reason is there, also at 0. */
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
  /** Adds a pair; several with equal selectors may stand at once, the one that was activated last sends.
   * @throws when the id or the inbound SPI is installed already, or the pair is not usable.
   */
  install(pair: SaPair): void;
  /** Lets a pair send from now on; again changes nothing. @throws when there is no such pair. */
  activateOutbound(pairId: number): void;
  /** Sends to another path from now on. @throws when there is no such pair. */
  movePeer(pairId: number, path: Path): void;
  /** Takes a pair out, in both directions; an unknown one is taken as gone already. */
  remove(pairId: number): void;
  /** Inner packets of `batch` are sealed in place; on return the batch holds only the ESP packets that go out,
   * compacted, each with the path it goes to. ICMP errors towards the sender are appended to `toTun`, whose slots
   * need 1280 bytes behind the headroom. A batch with spare capacity leaves room for the fragments of IPv4 packets
   * that are too big and have no DF bit. Needs `headroom` for SPI, sequence number and IV: 24 bytes serve every suite.
   */
  outbound(batch: PacketBatch, toTun: PacketBatch): void;
  /** ESP packets of `batch` (without UDP header) are opened in place; on return it holds only the inner packets. */
  inbound(batch: PacketBatch): void;
  /** What happened since the last drain, in order; each fact once when it becomes true. */
  drainFacts(): readonly Fact[];
  /** A copy of the counters of all pairs, also of those that were removed. */
  counters(): EngineCounters;
  /** The counters of one pair, or `undefined` when there is none. */
  pairCounters(pairId: number): SaPairCounters | undefined;
}
