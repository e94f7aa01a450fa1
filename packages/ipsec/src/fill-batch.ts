import { claimSlot, commitPacket, PACKED_PATH_BYTES, type PacketBatch } from '@ipsec-kit/ip';
import type { HeldQueue } from './held-queue.ts';

/** Moves packets from the front of a queue into an empty batch, paths included.
 * @param most - packets that are taken out of the queue at most.
 * @returns how many were too large for a slot, and are gone.
 */
export function fillBatch(queue: HeldQueue, batch: PacketBatch, most: number): number {
  let tooLarge = 0;
  for (let taken = 0; taken < most; taken += 1) {
    const packet = queue.shift();
    if (!packet) break;
    const { data, path, trafficClass } = packet;
    const slot = data.length > batch.slotBytes - batch.headroom ? -1 : claimSlot(batch);
    if (slot < 0) {
      tooLarge += 1;
      continue;
    }
    batch.memory.set(data, slot);
    batch.paths.set(path, batch.count * PACKED_PATH_BYTES);
    if (batch.trafficClasses) batch.trafficClasses[batch.count] = trafficClass;
    commitPacket(batch, slot, data.length);
  }
  return tooLarge;
}
