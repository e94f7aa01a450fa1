import type { Instant } from '@ipsec-kit/clock';
import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import type { Answer, ChildInstallation, ChildTraffic } from '@ipsec-kit/ikev2';
import {
  appendPacket,
  createPacketBatch,
  type PacketBatch,
  type Path,
  packetAt,
  readPackedPath,
  type TrafficSelector,
  writePackedPath,
} from '@ipsec-kit/ip';
import {
  createPacketEngine,
  type EngineCounters,
  type Fact,
  type PacketEngine,
} from '@ipsec-kit/ipsec';
import { saPairOf } from './sa-pair-of.ts';

/** Largest inner packet that a simulated device takes. */
export const MAX_INNER_BYTES = 2048;
const HEADROOM_BYTES = 64;
const SLOT_BYTES: number = HEADROOM_BYTES + MAX_INNER_BYTES + 128;
/** Room for one packet and its fragments. */
const BATCH_PACKETS = 4;

/** An installed Child SA, without its keys. */
export interface StandingChild {
  readonly sessionId: number;
  readonly childId: number;
  readonly name: string;
  readonly inboundSpi: number;
  readonly outboundSpi: number;
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
}

/** A sealed packet and where it goes. */
export interface SealedPacket {
  readonly path: Path;
  readonly data: Uint8Array;
}

/** What became of an inner packet: ESP packets for the network, and what the engine tells its sender (ICMP). */
export interface SealResult {
  readonly sealed: readonly SealedPacket[];
  readonly toSender: readonly Uint8Array[];
}

/** The packet engine of one host, a packet at a time, and the Child SAs that stand in it. */
export class PacketPath {
  readonly #crypto: CryptoProvider;
  readonly #engine: PacketEngine;
  readonly #batch: PacketBatch = newBatch();
  readonly #toSender: PacketBatch = newBatch();
  readonly #children = new Map<number, StandingChild>();
  readonly #stamps = new Map<number, ChildStamps>();
  readonly #now: () => Instant;

  /** @param now - the time of the host, for the stamps of packets. */
  constructor(crypto: CryptoProvider, random: RandomSource, now: () => Instant) {
    this.#crypto = crypto;
    this.#now = now;
    this.#engine = createPacketEngine({ crypto, random });
  }

  /** Child SAs that stand now, by id. */
  get children(): ReadonlyMap<number, StandingChild> {
    return this.#children;
  }

  get counters(): EngineCounters {
    return this.#engine.counters();
  }

  install(child: ChildInstallation): Answer {
    try {
      this.#engine.install(saPairOf(child, this.#crypto));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: 'install-child', ok: false, reason };
    }
    this.#children.set(child.childId, {
      sessionId: child.sessionId,
      childId: child.childId,
      name: child.config.name,
      inboundSpi: child.inboundSpi,
      outboundSpi: child.outboundSpi,
      localSelectors: child.localSelectors,
      remoteSelectors: child.remoteSelectors,
    });
    return { kind: 'install-child', ok: true };
  }

  remove(childId: number): void {
    this.#children.delete(childId);
    this.#stamps.delete(childId);
    this.#engine.remove(childId);
  }

  reserveSpi(spi: number): void {
    this.#engine.reserveSpi(spi);
  }

  releaseSpi(spi: number): void {
    this.#engine.releaseSpi(spi);
  }

  move(childId: number, path: Path): void {
    if (this.#children.has(childId)) this.#engine.movePeer(childId, path);
  }

  activate(childId: number): void {
    if (this.#children.has(childId)) this.#engine.activateOutbound(childId);
  }

  deactivate(childId: number): void {
    if (this.#children.has(childId)) this.#engine.deactivateOutbound(childId);
  }

  /** Takes an inner packet. @throws RangeError when it is larger than {@link MAX_INNER_BYTES}. */
  seal(packet: Uint8Array): SealResult {
    if (packet.length > MAX_INNER_BYTES) {
      throw new RangeError(
        `"packet" expected at most ${MAX_INNER_BYTES} bytes, got ${packet.length}`,
      );
    }
    const batch = this.#batch;
    const toSender = this.#toSender;
    batch.count = 0;
    toSender.count = 0;
    appendPacket(batch, packet);
    this.#engine.outbound(batch, toSender);
    this.#stamp();
    return { sealed: sealedOf(batch), toSender: packetsOf(toSender) };
  }

  /** Seals what waited for a Child SA that may send; to be called after each activation. */
  sealHeld(): SealResult {
    const batch = this.#batch;
    const sealed: SealedPacket[] = [];
    const toSender: Uint8Array[] = [];
    while (this.#engine.takeHeld(batch) > 0) {
      this.#toSender.count = 0;
      this.#engine.outbound(batch, this.#toSender);
      sealed.push(...sealedOf(batch));
      toSender.push(...packetsOf(this.#toSender));
    }
    this.#stamp();
    return { sealed, toSender };
  }

  /** Seals an ESP packet that holds nothing, to show the peer where we are; nothing when the Child SA is gone. */
  sealKeepalive(childId: number): SealResult {
    const batch = this.#batch;
    batch.count = 0;
    if (this.#children.has(childId)) this.#engine.sealDummy(childId, 0, batch);
    this.#stamp();
    return { sealed: sealedOf(batch), toSender: [] };
  }

  /** Opens an ESP packet. @returns the inner packet, or `undefined` when it was dropped. */
  open(packet: Uint8Array, path: Path): Uint8Array | undefined {
    const batch = this.#batch;
    batch.count = 0;
    if (!appendPacket(batch, packet)) return undefined;
    writePackedPath(batch.paths, 0, path);
    this.#engine.inbound(batch);
    this.#stamp();
    return packetsOf(batch)[0];
  }

  /** The inner packets that came before their Child SA was installed; to be called after each installation. */
  openReleased(): Uint8Array[] {
    const opened: Uint8Array[] = [];
    while (this.#engine.takeReleased(this.#batch) > 0) opened.push(...packetsOf(this.#batch));
    this.#stamp();
    return opened;
  }

  drainFacts(): readonly Fact[] {
    return this.#engine.drainFacts();
  }

  /** What the Child SAs carried that carried anything since the last call. */
  sampleTraffic(): readonly ChildTraffic[] {
    const moved: ChildTraffic[] = [];
    for (const [childId, stamps] of this.#stamps) {
      if (stamps.isTold) continue;
      stamps.isTold = true;
      const { lastInboundAt, lastOutboundAt, packetsOut } = stamps;
      moved.push({
        childId,
        packetsOut,
        ...(lastInboundAt === undefined ? {} : { lastInboundAt }),
        ...(lastOutboundAt === undefined ? {} : { lastOutboundAt }),
      });
    }
    return moved;
  }

  /** Notes which Child SAs have just carried something. */
  #stamp(): void {
    for (const childId of this.#children.keys()) {
      const counters = this.#engine.pairCounters(childId);
      if (!counters) continue;
      let stamps = this.#stamps.get(childId);
      if (!stamps) {
        stamps = { packetsIn: 0, packetsOut: 0, isTold: true };
        this.#stamps.set(childId, stamps);
      }
      if (counters.inPackets > stamps.packetsIn) stamps.lastInboundAt = this.#now();
      if (counters.outPackets > stamps.packetsOut) stamps.lastOutboundAt = this.#now();
      if (counters.inPackets === stamps.packetsIn && counters.outPackets === stamps.packetsOut) {
        continue;
      }
      stamps.packetsIn = counters.inPackets;
      stamps.packetsOut = counters.outPackets;
      stamps.isTold = false;
    }
  }
}

/** What one Child SA has carried, and when last. */
interface ChildStamps {
  packetsIn: number;
  packetsOut: number;
  lastInboundAt?: Instant;
  lastOutboundAt?: Instant;
  isTold: boolean;
}

function newBatch(): PacketBatch {
  return createPacketBatch({
    capacity: BATCH_PACKETS,
    slotBytes: SLOT_BYTES,
    headroom: HEADROOM_BYTES,
  });
}

function sealedOf(batch: PacketBatch): SealedPacket[] {
  return packetsOf(batch).map((data, index) => ({
    path: readPackedPath(batch.paths, index),
    data,
  }));
}

/** Copies: what happens to them may use the batch again. */
function packetsOf(batch: PacketBatch): Uint8Array[] {
  return Array.from({ length: batch.count }, (_, index) => packetAt(batch, index).slice());
}
