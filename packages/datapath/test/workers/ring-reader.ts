import { parentPort, workerData } from 'node:worker_threads';
import { createPacketBatch } from '@ipsec-kit/ip';
import { HandoverRing } from '../../src/workers/handover-ring.ts';

const { memory, count } = workerData as { memory: SharedArrayBuffer; count: number };
const ring = new HandoverRing(memory);
const batch = createPacketBatch({ capacity: 16, slotBytes: 512, headroom: 64 });
const view = new DataView(batch.memory.buffer);
const until = performance.now() + 20_000;
let next = 0;
while (next < count && performance.now() < until) {
  batch.count = 0;
  ring.take(batch, batch.capacity, 0);
  for (let i = 0; i < batch.count; i += 1) {
    const at = batch.offsets[i] ?? 0;
    const length = batch.lengths[i] ?? 0;
    const isWhole =
      length === 8 + (next % 300) &&
      view.getUint32(at) === next &&
      view.getUint32(at + length - 4) === next;
    if (!isWhole) throw new Error(`packet ${next} came as another`);
    next += 1;
  }
}
parentPort?.postMessage(next);
