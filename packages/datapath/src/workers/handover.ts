import { movePacketEntry, type PacketBatch, readUint32 } from '@ipsec-kit/ip';
import type { SystemCalls } from '@ipsec-kit/posix';
import { HandedOver, HandoverRing } from './handover-ring.ts';
import { ownerOf, type WorkerGroup } from './worker-group.ts';

/** How long a full ring is waited for, before packets are dropped as by a full link. */
const FULL_RING_WAIT_MS = 2;
const SPI_BYTES = 4;

/** What a worker hands to the others of its group, and what they hand to it. */
export class Handover {
  readonly #group: WorkerGroup;
  readonly #calls: SystemCalls;
  readonly #incoming: readonly (HandoverRing | undefined)[];
  readonly #outgoing: readonly (HandoverRing | undefined)[];
  readonly #asleep: Int32Array;
  readonly #signal: { readonly address: number };
  /** Workers that were given something since the last {@link flush}, and those that were waited for. */
  readonly #given: boolean[];
  readonly #waited: boolean[];
  #isTaking = false;

  constructor(group: WorkerGroup, calls: SystemCalls) {
    this.#group = group;
    this.#calls = calls;
    const ringOn = (memory: SharedArrayBuffer | undefined) => memory && new HandoverRing(memory);
    this.#incoming = group.incoming.map(ringOn);
    this.#outgoing = group.outgoing.map(ringOn);
    this.#asleep = new Int32Array(group.asleep);
    this.#given = group.wakeFds.map(() => false);
    this.#waited = group.wakeFds.map(() => false);
    const signal = calls.mapMemory(8);
    signal.bytes[0] = 1;
    this.#signal = signal;
  }

  /** Gives packet `index` of a batch to another worker, which wakes up at the next {@link flush}. */
  give(owner: number, batch: PacketBatch, index: number, kind: HandedOver): void {
    const ring = this.#outgoing[owner];
    if (!ring) return;
    // While an SA moves two workers may not agree yet whose it is: better lost than sent to and fro.
    if (this.#isTaking) ring.drop();
    else if (!ring.push(batch, index, kind) && !this.#pushLate(ring, owner, batch, index, kind)) {
      ring.drop();
    }
    this.#given[owner] = true;
  }

  /** Takes everything out of a batch of ESP that belongs to other workers, and gives it to them: what the kernel has put together may
   * have several SPIs, and goes where the first of them belongs.
   */
  passOn(batch: PacketBatch): void {
    const { index, count } = this.#group;
    const { memory, offsets, lengths } = batch;
    let kept = 0;
    for (let i = 0; i < batch.count; i += 1) {
      const isWhole = (lengths[i] ?? 0) >= SPI_BYTES;
      const owner = isWhole ? ownerOf(readUint32(memory, offsets[i] ?? 0), count) : index;
      if (owner === index) {
        movePacketEntry(batch, i, kept);
        kept += 1;
      } else {
        this.give(owner, batch, i, HandedOver.inbound);
      }
    }
    batch.count = kept;
    this.flush();
  }

  /** Wakes whoever was given something. */
  flush(): void {
    for (let owner = 0; owner < this.#given.length; owner += 1) {
      if (this.#given[owner]) this.#wake(owner);
      this.#given[owner] = false;
      this.#waited[owner] = false;
    }
  }

  /** Fills batches with what others have handed over, and has them opened or sealed: one batch of each worker at most.
   * @param options - `tailroom`: bytes that stay free behind each packet; `onTooLarge` is told how many no slot could take.
   * @returns how many packets there were.
   */
  take(options: {
    readonly batches: { readonly inbound: PacketBatch; readonly outbound: PacketBatch };
    readonly tailroom: number;
    readonly onPackets: (batch: PacketBatch, kind: HandedOver) => void;
    readonly onTooLarge: (packets: number) => void;
  }): number {
    let came = 0;
    for (const ring of this.#incoming) {
      const kind = ring?.nextKind;
      if (!ring || kind === undefined) continue;
      const { batches } = options;
      const batch = kind === HandedOver.inbound ? batches.inbound : batches.outbound;
      batch.count = 0;
      // What has to be fragmented finds room.
      const tooLarge = ring.take(batch, (batch.capacity * 3) >> 2, options.tailroom);
      if (tooLarge > 0) options.onTooLarge(tooLarge);
      came += tooLarge + batch.count;
      this.#isTaking = true;
      try {
        if (batch.count > 0) options.onPackets(batch, kind);
      } finally {
        this.#isTaking = false;
      }
    }
    return came;
  }

  /** To be called right before poll. @returns false when something has been handed over meanwhile, and poll must not wait. */
  fallAsleep(): boolean {
    Atomics.store(this.#asleep, this.#group.index, 1);
    return !this.#incoming.some((ring) => ring && !ring.isEmpty);
  }

  /** To be called right behind poll. */
  wakeUp(): void {
    Atomics.store(this.#asleep, this.#group.index, 0);
  }

  /** Waits for the owner once in each batch: a sender whose packets wait a little sends less, one that loses many at once nothing. */
  #pushLate(
    ring: HandoverRing,
    owner: number,
    batch: PacketBatch,
    index: number,
    kind: HandedOver,
  ): boolean {
    if (this.#waited[owner]) return false;
    this.#waited[owner] = true;
    this.#wake(owner);
    ring.waitForRoom(FULL_RING_WAIT_MS);
    return ring.push(batch, index, kind);
  }

  #wake(owner: number): void {
    if (Atomics.exchange(this.#asleep, owner, 0) === 0) return;
    this.#calls.write(this.#group.wakeFds[owner] ?? -1, this.#signal.address, 8);
  }
}
