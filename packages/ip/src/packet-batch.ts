/** Bytes of one packed path in {@link PacketBatch.paths}: local address (16) and port (2), remote address and port.
 * IPv4 addresses are stored IPv4-mapped (::ffff:a.b.c.d), ports big-endian.
 */
export const PACKED_PATH_BYTES = 36;

/** A batch of packets in memory that the caller owns and reuses. Packet `i` is
 * `memory[offsets[i] .. offsets[i] + lengths[i])`; nothing here is allocated per packet.
 * A packet, its headroom and its tailroom stay inside one slot; which slot is up to who wrote it.
 */
export interface PacketBatch {
  readonly memory: Uint8Array;
  /** Most packets that fit. */
  readonly capacity: number;
  /** Distance between the starts of two slots. */
  readonly slotBytes: number;
  /** Free bytes that a producer leaves in front of each packet, for the headers that sealing adds. */
  readonly headroom: number;
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  /** {@link PACKED_PATH_BYTES} for each packet: where a datagram came from, or where it goes. Unused for inner packets. */
  readonly paths: Uint8Array;
  /** The same bytes, four at a time: paths are copied and compared for every packet. */
  readonly pathWords: Uint32Array;
  /** The traffic class (DSCP and ECN) of the outer header of each packet, where whoever made the batch cares.
   * @see RFC 6040 §4
   */
  readonly trafficClasses?: Uint8Array;
  /** Packets that are in the batch now: indices 0 to `count - 1`. */
  count: number;
}

/** Allocates a batch once; its slots begin `slotBytes` apart.
 * @param options - `capacity` in packets, `slotBytes` with head- and tailroom included, `headroom` in bytes.
 */
export function createPacketBatch(options: {
  capacity: number;
  slotBytes: number;
  headroom: number;
}): PacketBatch {
  return packetBatchIn(new Uint8Array(options.capacity * options.slotBytes), options);
}

/** Makes a batch in memory that is there already; what lies behind its slots stays the caller's.
 * @throws RangeError when the slots do not fit.
 */
export function packetBatchIn(
  memory: Uint8Array,
  options: { capacity: number; slotBytes: number; headroom: number },
): PacketBatch {
  const { capacity, slotBytes, headroom } = options;
  if (capacity * slotBytes > memory.length) {
    throw new RangeError(
      `"memory" expected at least ${capacity * slotBytes} bytes, got ${memory.length}`,
    );
  }
  const paths = new Uint8Array(capacity * PACKED_PATH_BYTES);
  return {
    memory,
    capacity,
    slotBytes,
    headroom,
    offsets: new Uint32Array(capacity),
    lengths: new Uint32Array(capacity),
    paths,
    pathWords: new Uint32Array(paths.buffer),
    trafficClasses: new Uint8Array(capacity),
    count: 0,
  };
}

/** Where the next packet of a batch may be written: the start of a free slot plus the batch's headroom.
 * Write up to `slotBytes - headroom` bytes there, then {@link commitPacket}. Safe also after a compaction,
 * when the packets that are left no longer lie in the slots of their indices; allocates nothing.
 * @returns an offset into `memory`, or -1 when the batch is full.
 */
export function claimSlot(batch: PacketBatch): number {
  const { capacity, count, slotBytes } = batch;
  if (count >= capacity) return -1;
  for (let step = 0; step < capacity; step += 1) {
    const slot = (count + step) % capacity;
    if (slotIsFree(batch, slot)) return slot * slotBytes + batch.headroom;
  }
  return -1;
}

/** Adds the packet that was written at `offset` to the batch. */
export function commitPacket(batch: PacketBatch, offset: number, length: number): void {
  batch.offsets[batch.count] = offset;
  batch.lengths[batch.count] = length;
  batch.count += 1;
}

/** Whether packets lie inside of the batch's memory: to be made sure of before their addresses leave JavaScript, where
 * nothing else would notice.
 * @param from - index of the first packet. @param to - index behind the last.
 */
export function packetsLieInside(batch: PacketBatch, from: number, to: number): boolean {
  if (from < 0 || to > batch.capacity) return false;
  const { offsets, lengths } = batch;
  const { length } = batch.memory;
  for (let i = from; i < to; i += 1) {
    if ((offsets[i] ?? 0) + (lengths[i] ?? 0) > length) return false;
  }
  return true;
}

/** Copies a packet to the end of a batch.
 * @returns false, and adds nothing, when the batch is full or the packet too large for a slot.
 */
export function appendPacket(
  batch: PacketBatch,
  memory: Uint8Array,
  offset: number = 0,
  length: number = memory.length - offset,
): boolean {
  if (length > batch.slotBytes - batch.headroom) return false;
  const at = claimSlot(batch);
  if (at < 0) return false;
  for (let i = 0; i < length; i += 1) batch.memory[at + i] = memory[offset + i] ?? 0;
  commitPacket(batch, at, length);
  return true;
}

/** Moves the entry at `from` to `to`, path included; the bytes of the packet stay where they are.
 * A loop that keeps some packets calls this with a growing `to`, then sets `count`.
 */
export function movePacketEntry(batch: PacketBatch, from: number, to: number): void {
  if (from === to) return;
  batch.offsets[to] = batch.offsets[from] ?? 0;
  batch.lengths[to] = batch.lengths[from] ?? 0;
  const { trafficClasses } = batch;
  if (trafficClasses) trafficClasses[to] = trafficClasses[from] ?? 0;
  batch.paths.copyWithin(
    to * PACKED_PATH_BYTES,
    from * PACKED_PATH_BYTES,
    (from + 1) * PACKED_PATH_BYTES,
  );
}

/** The bytes of packet `index` as a view; allocates, so not for every packet.
 * @throws when there is no such packet.
 */
export function packetAt(batch: PacketBatch, index: number): Uint8Array {
  const offset = batch.offsets[index];
  const length = batch.lengths[index];
  if (index >= batch.count || offset === undefined || length === undefined) {
    throw new RangeError(`"index" expected 0 to ${batch.count - 1}, got ${index}`);
  }
  return batch.memory.subarray(offset, offset + length);
}

function slotIsFree(batch: PacketBatch, slot: number): boolean {
  const start = slot * batch.slotBytes;
  const end = start + batch.slotBytes;
  for (let i = 0; i < batch.count; i += 1) {
    const offset = batch.offsets[i] ?? 0;
    if (offset < end && offset + (batch.lengths[i] ?? 0) > start) return false;
  }
  return true;
}
