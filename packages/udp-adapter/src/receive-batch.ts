import {
  commitPacket,
  createPacketBatch,
  PACKED_PATH_BYTES,
  type PacketBatch,
} from '@ipsec-kit/ip';
import type { ReceiveBatchOptions } from './udp-adapter.ts';

const ENDPOINT_BYTES = PACKED_PATH_BYTES / 2;
const TAILROOM_BYTES = 64;

/** Gathers datagrams in reused memory until they are handed over. */
export interface ReceiveBatch {
  /** Copies a datagram in, `local` and `remote` being halves of a packed path. The batch must not be full.
   * @returns false when it is larger than a slot, and was not taken.
   */
  add(datagram: Uint8Array, local: Uint8Array, remote: Uint8Array): boolean;
  readonly isFull: boolean;
  readonly isEmpty: boolean;
  /** Hands the batch to `handler` and empties it, whatever the handler does. */
  handOver(handler: (batch: PacketBatch) => void): void;
}

/** Allocates the memory of a receive batch once. */
export function createReceiveBatch(options: ReceiveBatchOptions = {}): ReceiveBatch {
  const { capacity = 64, headroomBytes = 64, datagramBytes = 16384 } = options;
  const batch = createPacketBatch({
    capacity,
    slotBytes: headroomBytes + datagramBytes + TAILROOM_BYTES,
    headroom: headroomBytes,
  });
  return {
    get isFull(): boolean {
      return batch.count === batch.capacity;
    },
    get isEmpty(): boolean {
      return batch.count === 0;
    },
    add(datagram: Uint8Array, local: Uint8Array, remote: Uint8Array): boolean {
      if (datagram.length > datagramBytes) return false;
      const index = batch.count;
      const offset = index * batch.slotBytes + headroomBytes;
      batch.memory.set(datagram, offset);
      batch.paths.set(local, index * PACKED_PATH_BYTES);
      batch.paths.set(remote, index * PACKED_PATH_BYTES + ENDPOINT_BYTES);
      commitPacket(batch, offset, datagram.length);
      return true;
    },
    handOver(handler: (full: PacketBatch) => void): void {
      try {
        handler(batch);
      } finally {
        batch.count = 0;
      }
    },
  };
}
