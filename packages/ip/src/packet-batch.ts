/** Bytes of one packed path in {@link PacketBatch.paths}: local address (16) and port (2), remote address and port.
 * IPv4 addresses are stored IPv4-mapped (::ffff:a.b.c.d), ports big-endian.
 */
export const PACKED_PATH_BYTES = 36;

/** A batch of packets in memory that the caller owns and reuses. Packet `i` is
 * `memory[offsets[i] .. offsets[i] + lengths[i])`; nothing here is allocated per packet.
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
  const { capacity, slotBytes, headroom } = options;
  return {
    memory: new Uint8Array(capacity * slotBytes),
    capacity,
    slotBytes,
    headroom,
    offsets: new Uint32Array(capacity),
    lengths: new Uint32Array(capacity),
    paths: new Uint8Array(capacity * PACKED_PATH_BYTES),
    count: 0,
  };
}
