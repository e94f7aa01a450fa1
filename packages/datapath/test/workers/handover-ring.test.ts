import { Worker } from 'node:worker_threads';
import {
  createPacketBatch,
  loopbackAddress,
  type PacketBatch,
  packetAt,
  readPackedPath,
  writePackedPath,
} from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  HandedOver,
  HandoverRing,
  newRingMemory,
  ringBytes,
} from '../../src/workers/handover-ring.ts';

const address = loopbackAddress(4);
const SLOT_BYTES = 512;

interface Packet {
  readonly kind: HandedOver;
  readonly data: Uint8Array;
  readonly trafficClass: number;
  readonly port: number;
}

function emptyBatch(capacity = 8): PacketBatch {
  return createPacketBatch({ capacity, slotBytes: SLOT_BYTES, headroom: 64 });
}

function batchOf({ data, trafficClass, port }: Packet): PacketBatch {
  const batch = createPacketBatch({ capacity: 1, slotBytes: 4096, headroom: 64 });
  batch.memory.set(data, 64);
  batch.offsets[0] = 64;
  batch.lengths[0] = data.length;
  if (batch.trafficClasses) batch.trafficClasses[0] = trafficClass;
  const local = { address, port: 4500 };
  writePackedPath(batch.paths, 0, { local, remote: { address, port } });
  batch.count = 1;
  return batch;
}

function packetsOf(batch: PacketBatch, kind: HandedOver): Packet[] {
  return Array.from({ length: batch.count }, (_, i) => ({
    kind,
    data: Uint8Array.from(packetAt(batch, i)),
    trafficClass: batch.trafficClasses?.[i] ?? 0,
    port: kind === HandedOver.inbound ? readPackedPath(batch.paths, i).remote.port : 0,
  }));
}

const packets = fc.array(
  fc.record({
    kind: fc.constantFrom(HandedOver.outbound, HandedOver.inbound),
    data: fc.uint8Array({ minLength: 0, maxLength: 400 }),
    trafficClass: fc.nat(255),
    port: fc.integer({ min: 1, max: 65535 }),
  }),
  { maxLength: 60 },
);

describe('a ring between two workers', () => {
  it('gives out what was put in, in its order, also across its end many times over', () => {
    fc.assert(
      fc.property(packets, fc.infiniteStream(fc.integer({ min: 0, max: 5 })), (all, turns) => {
        const memory = newRingMemory(2048);
        const [from, to] = [new HandoverRing(memory), new HandoverRing(memory)];
        const waiting = [...all, ...all, ...all];
        const put: Packet[] = [];
        const got: Packet[] = [];
        while (got.length < waiting.length) {
          for (let n = turns.next().value; n > 0 && put.length < waiting.length; n -= 1) {
            const next = waiting[put.length];
            if (!next || !from.push(batchOf(next), 0, next.kind)) break;
            put.push(next);
          }
          const kind = to.nextKind;
          if (kind === undefined) continue;
          const batch = emptyBatch();
          expect(to.take(batch, 3, 0)).toBe(0);
          expect(batch.count).toBeGreaterThan(0);
          got.push(...packetsOf(batch, kind));
        }
        const shown = waiting.map((packet) =>
          packet.kind === HandedOver.inbound ? packet : { ...packet, port: 0 },
        );
        expect(got).toEqual(shown);
        expect(to.isEmpty).toBe(true);
        expect(to.pushed).toBe(waiting.length);
      }),
      { numRuns: 60 },
    );
  });

  it('takes no more than fits, and what was taken before stays whole', () => {
    const ring = new HandoverRing(newRingMemory(1024));
    const packet = (fill: number): Packet => ({
      kind: HandedOver.outbound,
      data: new Uint8Array(200).fill(fill),
      trafficClass: fill,
      port: 1,
    });
    let taken = 0;
    while (ring.push(batchOf(packet(taken)), 0, HandedOver.outbound)) taken += 1;
    expect(taken).toBe(4);
    ring.drop();
    expect([ring.pushed, ring.dropped]).toEqual([4, 1]);
    const batch = emptyBatch();
    ring.take(batch, 8, 0);
    expect(packetsOf(batch, HandedOver.outbound)).toEqual(
      [0, 1, 2, 3].map((fill) => ({ ...packet(fill), port: 0 })),
    );
    expect(ring.push(batchOf(packet(9)), 0, HandedOver.outbound)).toBe(true);
  });

  it('gives up a packet that no slot takes, and goes on with the next', () => {
    const ring = new HandoverRing(newRingMemory(8192));
    for (const length of [100, 449, 3000, 200]) {
      const data = new Uint8Array(length).fill(7);
      ring.push(
        batchOf({ kind: HandedOver.inbound, data, trafficClass: 2, port: 9 }),
        0,
        HandedOver.inbound,
      );
    }
    const batch = emptyBatch();
    expect(ring.take(batch, 8, 0)).toBe(2);
    expect([...batch.lengths.subarray(0, batch.count)]).toEqual([100, 200]);
    expect(ring.isEmpty).toBe(true);
  });

  it('is as large as a few milliseconds need, and all rings of 16 workers take 16 MiB at most', () => {
    expect([2, 4, 8, 16].map((workers) => ringBytes(workers * (workers - 1)) / 1024)).toEqual([
      4096, 1024, 256, 64,
    ]);
    for (let workers = 2; workers <= 16; workers += 1) {
      const rings = workers * (workers - 1);
      expect(rings * ringBytes(rings)).toBeLessThanOrEqual(16 * 1024 * 1024);
    }
  });

  it('waits for room no longer than it is told', () => {
    const ring = new HandoverRing(newRingMemory(1024));
    const from = performance.now();
    ring.waitForRoom(5);
    expect(performance.now() - from).toBeGreaterThanOrEqual(4);
  });

  it('loses and mixes nothing between two threads', async () => {
    const memory = newRingMemory(64 * 1024);
    const count = 200_000;
    const reader = new Worker(new URL('./ring-reader.mjs', import.meta.url), {
      workerData: { memory, count },
      execArgv: ['--conditions=@ipsec-kit/source'],
    });
    const said = new Promise((resolve, reject) => {
      reader.once('message', resolve);
      reader.once('error', reject);
    });
    const ring = new HandoverRing(memory);
    const batch = createPacketBatch({ capacity: 1, slotBytes: SLOT_BYTES, headroom: 64 });
    batch.offsets[0] = 64;
    batch.count = 1;
    const view = new DataView(batch.memory.buffer);
    for (let i = 0; i < count; i += 1) {
      batch.lengths[0] = 8 + (i % 300);
      view.setUint32(64, i);
      view.setUint32(64 + (batch.lengths[0] ?? 0) - 4, i);
      while (!ring.push(batch, 0, HandedOver.outbound)) ring.waitForRoom(2);
    }
    expect(await said).toBe(count);
  });
});
