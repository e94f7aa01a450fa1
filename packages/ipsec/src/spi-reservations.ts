import { PACKED_PATH_BYTES, type PacketBatch } from '@ipsec-kit/ip';
import { HELD_FOR_ALL_SPIS, HELD_PER_SPI, HeldQueue, HoldingTotal } from './held-queue.ts';
import type { InstalledPair } from './installed-pair.ts';

/** Inbound SPIs that a peer may use before their SAs stand here, and the ESP packets that came for them.
 * A responder may send on a new SA as soon as it has sent its response, while the initiator still verifies it and
 * cannot receive: RFC 7296 §2.8 accepts that those packets are dropped, here they wait.
 */
export class SpiReservations {
  /** What all SPIs hold together. */
  readonly total: HoldingTotal = new HoldingTotal(HELD_FOR_ALL_SPIS);
  readonly #bySpi = new Map<number, HeldQueue>();
  /** Pairs that were installed for a reserved SPI and have packets to be opened, in the order of their installation. */
  readonly #replaying: InstalledPair[] = [];

  /** Holds for this SPI from now on; again changes nothing. */
  reserve(spi: number): void {
    if (!this.#bySpi.has(spi | 0)) {
      this.#bySpi.set(spi | 0, new HeldQueue(HELD_PER_SPI, this.total));
    }
  }

  /** Holds no more for this SPI. @returns how many packets were given up. */
  release(spi: number): number {
    const queue = this.#bySpi.get(spi | 0);
    this.#bySpi.delete(spi | 0);
    return queue?.clear() ?? 0;
  }

  /** The queue of a reserved SPI that has no SA yet. */
  queueOf(spi: number): HeldQueue | undefined {
    return this.#bySpi.get(spi | 0);
  }

  /** Hands what was held to the pair that was installed for this SPI. */
  settle(pair: InstalledPair): void {
    const spi = pair.inboundSa.spi | 0;
    const queue = this.#bySpi.get(spi);
    this.#bySpi.delete(spi);
    if (!queue || queue.count === 0) return;
    pair.held = queue;
    this.#replaying.push(pair);
  }

  /** The pair whose packets are to be opened first. */
  get nextReplay(): InstalledPair | undefined {
    return this.#replaying[0];
  }

  /** Ends the replay of a pair. @returns how many packets were left, and are given up. */
  endReplay(pair: InstalledPair): number {
    const place = this.#replaying.indexOf(pair);
    if (place >= 0) this.#replaying.splice(place, 1);
    const left = pair.held?.clear() ?? 0;
    pair.held = undefined;
    return left;
  }
}

/** Copies datagram `index` behind those that are held. @returns false when there is no room. */
export function holdDatagram(queue: HeldQueue, batch: PacketBatch, index: number): boolean {
  const offset = batch.offsets[index] ?? 0;
  const length = batch.lengths[index] ?? 0;
  if (!queue.hasRoomFor(length)) return false;
  const pathAt = index * PACKED_PATH_BYTES;
  return queue.push({
    data: batch.memory.slice(offset, offset + length),
    path: batch.paths.slice(pathAt, pathAt + PACKED_PATH_BYTES),
    trafficClass: batch.trafficClasses?.[index] ?? 0,
  });
}
