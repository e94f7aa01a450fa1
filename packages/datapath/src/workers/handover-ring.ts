import { PACKED_PATH_BYTES, type PacketBatch } from '@ipsec-kit/ip';

/** What a packet in a ring is. */
export const HandedOver = {
  /** An inner packet of the host, to be sealed. */
  outbound: 0,
  /** A datagram with ESP, to be opened, with its path and the traffic class of its outer header. */
  inbound: 1,
} as const;
export type HandedOver = (typeof HandedOver)[keyof typeof HandedOver];

/** Bytes of all rings of a tunnel together at most, and of one, which are 2,800 full packets. */
const MOST_BYTES: number = 16 * 1024 * 1024;
const MOST_BYTES_OF_ONE: number = 4 * 1024 * 1024;

const HEAD = 0;
const TAIL = 1;
/** Behind head and tail: how many were put in, and how many found no room; numbers of 64 bits. */
const COUNTS_AT = 8;
const DATA_AT = 64;
const ALIGNMENT = 8;
const RECORD_HEADER_BYTES = 8;
/** Where a length should be: the rest of the memory is empty, the next record is at its beginning. */
const SKIP = -1;

/** Packets on their way from one thread to another in shared memory of fixed size, in their order. One thread puts in, one takes out;
 * neither locks. A packet is copied in and copied out, so that nothing is sealed or opened where another thread could change it.
 */
export class HandoverRing {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #places: Int32Array;
  readonly #counts: Float64Array;
  /** Where the other thread was when there was no room. */
  #fullAt = 0;

  /** @param memory - of {@link newRingMemory}. */
  constructor(memory: SharedArrayBuffer) {
    this.#places = new Int32Array(memory, 0, 2);
    this.#counts = new Float64Array(memory, COUNTS_AT, 2);
    this.#bytes = new Uint8Array(memory, DATA_AT);
    this.#words = new Int32Array(memory, DATA_AT);
  }

  /** Packets that were put in so far, whoever asks. */
  get pushed(): number {
    return this.#counts[0] ?? 0;
  }

  /** Packets that found no room, whoever asks. */
  get dropped(): number {
    return this.#counts[1] ?? 0;
  }

  get isEmpty(): boolean {
    return Atomics.load(this.#places, HEAD) === Atomics.load(this.#places, TAIL);
  }

  /** Copies packet `index` of a batch in, for the thread that puts in. @returns false when there is no room. */
  push(batch: PacketBatch, index: number, kind: HandedOver): boolean {
    const length = batch.lengths[index] ?? 0;
    const frontBytes = RECORD_HEADER_BYTES + pathBytesOf(kind);
    const bytes = roundUp(frontBytes + length);
    const at = this.#claim(bytes);
    if (at < 0) return false;
    const words = this.#words;
    words[at >>> 2] = length;
    words[(at >>> 2) + 1] = (kind << 8) | (batch.trafficClasses?.[index] ?? 0);
    if (kind === HandedOver.inbound) {
      const path = index * PACKED_PATH_BYTES;
      const to = at + RECORD_HEADER_BYTES;
      for (let i = 0; i < PACKED_PATH_BYTES; i += 1)
        this.#bytes[to + i] = batch.paths[path + i] ?? 0;
    }
    const offset = batch.offsets[index] ?? 0;
    this.#bytes.set(batch.memory.subarray(offset, offset + length), at + frontBytes);
    this.#advance(TAIL, bytes);
    this.#counts[0] = this.pushed + 1;
    return true;
  }

  /** Counts a packet that was given up, for the thread that puts in. */
  drop(): void {
    this.#counts[1] = this.dropped + 1;
  }

  /** Waits until something was taken out since {@link push} found no room, for the thread that puts in; at most so long. */
  waitForRoom(mostMs: number): void {
    Atomics.wait(this.#places, HEAD, this.#fullAt, mostMs);
  }

  /** What the packet is that comes out next; `undefined` when there is none. For the thread that takes out. */
  get nextKind(): HandedOver | undefined {
    const at = this.#nextRecord();
    if (at < 0) return undefined;
    return ((this.#words[(at >>> 2) + 1] ?? 0) >>> 8) & 1
      ? HandedOver.inbound
      : HandedOver.outbound;
  }

  /** Fills an empty batch with packets of the kind that comes next, for the thread that takes out.
   * @param most - packets, at most the batch's capacity.
   * @param tailroom - bytes that are to stay free behind each.
   * @returns how many were too large for a slot, and are gone.
   */
  take(batch: PacketBatch, most: number, tailroom: number): number {
    const kind = this.nextKind;
    const room = batch.slotBytes - batch.headroom - tailroom;
    let tooLarge = 0;
    while (batch.count < most && this.nextKind === kind && kind !== undefined) {
      if (!this.#takeOne(batch, kind, room)) tooLarge += 1;
    }
    Atomics.notify(this.#places, HEAD);
    return tooLarge;
  }

  #takeOne(batch: PacketBatch, kind: HandedOver, room: number): boolean {
    const at = this.#nextRecord();
    const length = this.#words[at >>> 2] ?? 0;
    const frontBytes = RECORD_HEADER_BYTES + pathBytesOf(kind);
    const fits = length <= room;
    if (fits) {
      const index = batch.count;
      const offset = index * batch.slotBytes + batch.headroom;
      const from = at + frontBytes;
      batch.memory.set(this.#bytes.subarray(from, from + length), offset);
      batch.offsets[index] = offset;
      batch.lengths[index] = length;
      if (batch.trafficClasses) {
        batch.trafficClasses[index] = (this.#words[(at >>> 2) + 1] ?? 0) & 0xff;
      }
      if (kind === HandedOver.inbound) {
        const to = index * PACKED_PATH_BYTES;
        for (let i = 0; i < PACKED_PATH_BYTES; i += 1)
          batch.paths[to + i] = this.#bytes[at + RECORD_HEADER_BYTES + i] ?? 0;
      }
      batch.count = index + 1;
    }
    this.#advance(HEAD, roundUp(frontBytes + length));
    return fits;
  }

  get #size(): number {
    return this.#bytes.length;
  }

  /** @returns where a record of so many bytes may be written, or -1. */
  #claim(bytes: number): number {
    const size = this.#size;
    const tail = Atomics.load(this.#places, TAIL);
    this.#fullAt = Atomics.load(this.#places, HEAD);
    const free = size - ((tail - this.#fullAt) >>> 0);
    const at = tail & (size - 1);
    const toEnd = size - at;
    if (bytes <= toEnd) return bytes <= free ? at : -1;
    // A record is in one piece. The end of the memory goes with it.
    if (toEnd + bytes > free) return -1;
    this.#words[at >>> 2] = SKIP;
    this.#advance(TAIL, toEnd);
    return 0;
  }

  /** @returns where the record begins that comes out next, or -1. */
  #nextRecord(): number {
    const head = Atomics.load(this.#places, HEAD);
    if (head === Atomics.load(this.#places, TAIL)) return -1;
    const at = head & (this.#size - 1);
    if (this.#words[at >>> 2] !== SKIP) return at;
    this.#advance(HEAD, this.#size - at);
    return this.#nextRecord();
  }

  /** Moves a place on, after everything that is in front of it is written or read. */
  #advance(place: typeof HEAD | typeof TAIL, bytes: number): void {
    Atomics.store(this.#places, place, (Atomics.load(this.#places, place) + bytes) | 0);
  }
}

/** How large each of so many rings is: a power of two. */
export function ringBytes(rings: number): number {
  return Math.min(MOST_BYTES_OF_ONE, 2 ** Math.floor(Math.log2(MOST_BYTES / rings)));
}

/** Memory for a ring. @param bytes - a power of two. */
export function newRingMemory(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(DATA_AT + bytes);
}

function pathBytesOf(kind: HandedOver): number {
  return kind === HandedOver.inbound ? PACKED_PATH_BYTES : 0;
}

function roundUp(bytes: number): number {
  return (bytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}
