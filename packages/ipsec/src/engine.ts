import type { IpAddress, PacketBatch, Path, TrafficSelector } from '@ipsec-kit/ip';
import type { PairElsewhere } from './pair-elsewhere.ts';
import type { PathProbe } from './path-probe.ts';
import type { SaPair } from './sa-pair.ts';
import type { Trap } from './trap.ts';

/** What happened to packets, counted by reason. */
export interface EngineCounters {
  readonly inPackets: number;
  readonly inBytes: number;
  readonly outPackets: number;
  readonly outBytes: number;
  /** Inbound packets whose ECN fields, inner and outer, no honest path leads to: those that it drops, and others that
   * it lets through. @see RFC 6040 §4.2
   */
  readonly strangeEcnPackets: number;
  /** Packets that are held now, for reserved SPIs and for traps; neither dropped nor delivered yet. */
  readonly heldPackets: number;
  readonly heldBytes: number;
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
  /** With the ESP bytes that came from there since it was told last: told again whenever as much as ever before has come. */
  | {
      readonly kind: 'peer-moved';
      readonly pairId: number;
      readonly path: Path;
      readonly bytes: number;
    }
  /** The answer to a probe has come: what was probed comes through. */
  | { readonly kind: 'probe-answered'; readonly pairId: number; readonly sequence: number }
  /** Whom a packet came from that came after this was asked for. */
  | { readonly kind: 'inbound-source'; readonly pairId: number; readonly source: IpAddress }
  | { readonly kind: 'unknown-spi'; readonly spi: number; readonly path: Path }
  /** A trap caught a packet: its two ends as selectors of one address, with protocol and ports where they show.
   * @see RFC 7296 §2.9
   */
  | {
      readonly kind: 'acquire';
      readonly trapId: number;
      readonly local: TrafficSelector;
      readonly remote: TrafficSelector;
    };

/** The packet path without any I/O: a batch in, a batch out, in place. */
export interface PacketEngine {
  /** Adds a pair; several with equal selectors may stand at once, the one that was activated last sends.
   * What was held for its inbound SPI is now there for {@link takeReleased}.
   * @throws when the id or the inbound SPI is installed already, or the pair is not usable.
   */
  install(pair: SaPair): void;
  /** Makes a pair known that stands in another engine: activated, deactivated and removed as if it stood here, its packets go to the
   * `handOver` of the engine.
   * @throws when the id is installed already, there are no selectors, or the engine has no `handOver`.
   */
  installElsewhere(pair: PairElsewhere): void;
  /** Lets a pair send from now on; again changes nothing. @throws when there is no such pair. */
  activateOutbound(pairId: number): void;
  /** Lets a pair send no more, while it goes on receiving: an SA that was replaced and whose DELETE was seen.
   * The pair that was activated before it, if any, sends; an inactive pair stays as it is.
   * @throws when there is no such pair. @see RFC 7296 §2.8
   */
  deactivateOutbound(pairId: number): void;
  /** Sends to another path from now on. @throws when there is no such pair. */
  movePeer(pairId: number, path: Path): void;
  /** Lets packets be as large as this from now on, as `SaPair.innerMtu` does; TCP's MSS follows.
   * @throws when there is no such pair, or it is out of range.
   */
  changeInnerMtu(pairId: number, innerMtu: number): void;
  /** Has `inbound-source` tell whom the next packet of a pair comes from: a host that answers, most likely. Nothing when there is
   * no such pair.
   */
  askForSource(pairId: number): void;
  /** Appends a sealed packet to `batch` that holds nothing, cannot be told from others of that length, and is discarded by whoever
   * gets it: when and how many is up to the caller. @param bytes - of the inner packet that it passes for.
   * @returns false when there is no such pair, no room, or its SA has reached its end. @see RFC 4303 §2.6
   */
  sealDummy(pairId: number, bytes: number, batch: PacketBatch): boolean;
  /** Appends a sealed echo request to `batch`, padded to the size that is probed; its answer does not go to the host but is
   * told as `probe-answered`. @returns false as {@link sealDummy} does, and in transport mode, which pads nothing.
   * @throws when the addresses are of different families.
   */
  sealProbe(pairId: number, probe: PathProbe, batch: PacketBatch): boolean;
  /** Takes a pair out, in both directions; an unknown one is taken as gone already. When it sent, the pair that was
   * activated before it sends again.
   */
  remove(pairId: number): void;
  /** Holds ESP packets for an inbound SPI that has no SA yet, until one is installed for it or it is released; again
   * changes nothing. The first {@link HELD_PER_SPI} are kept. @throws when the SPI is out of range or installed.
   */
  reserveSpi(spi: number): void;
  /** Holds no more for an SPI, and drops what was held; one that is not reserved is taken as released already. */
  releaseSpi(spi: number): void;
  /** Opens what was held for SPIs whose pairs stand by now, in the order in which it came, through all checks of
   * {@link inbound}; packets that come meanwhile wait behind it. To be called until it returns 0, after every `install`.
   * @param batch - emptied first; its slots must take the ESP packets.
   * @returns the inner packets that are now in `batch`.
   */
  takeReleased(batch: PacketBatch): number;
  /** Catches outbound packets that match no active pair as specific as the trap: they are held, the last
   * {@link HELD_PER_TRAP}, and one `acquire` is told until a pair that takes the packet becomes active, or
   * {@link rearmTrap}. @throws when the id stands already, or there are no selectors.
   */
  installTrap(trap: Trap): void;
  /** Takes a trap out and drops what it held; an unknown one is taken as gone already. */
  removeTrap(trapId: number): void;
  /** The negotiation that a trap asked for has failed: drops what it held, and the next packet asks again.
   * A trap that has asked for nothing stays as it is, and an unknown one is taken as gone already.
   */
  rearmTrap(trapId: number): void;
  /** Hands out inner packets that traps held and that an active pair takes now, in the order in which they came: to be
   * given to {@link outbound} before newer ones. To be called until it returns 0, after every activation.
   * @param batch - emptied first, filled to half of its capacity at most, so that fragments find room.
   * @returns the packets that are now in `batch`.
   */
  takeHeld(batch: PacketBatch): number;
  /** Inner packets of `batch` are sealed in place; on return the batch holds only the ESP packets that go out,
   * compacted, each with the path it goes to. ICMP errors towards the sender are appended to `toTun`, whose slots
   * need 1280 bytes behind the headroom. A batch with spare capacity leaves room for the fragments of IPv4 packets
   * that are too big and have no DF bit. Needs `headroom` for SPI, sequence number and IV: 24 bytes serve every suite.
   */
  outbound(batch: PacketBatch, toTun: PacketBatch): void;
  /** ESP packets of `batch` (without UDP header) are opened in place; on return it holds only the inner packets. */
  inbound(batch: PacketBatch): void;
  /** What happened since the last drain, in order; each fact once when it becomes true. What found no room is told by
   * the next drain, so that a caller who drains until nothing comes misses nothing about pairs and traps.
   */
  drainFacts(): readonly Fact[];
  /** A copy of the counters of all pairs, also of those that were removed. */
  counters(): EngineCounters;
  /** The counters of one pair, or `undefined` when there is none. */
  pairCounters(pairId: number): SaPairCounters | undefined;
}
