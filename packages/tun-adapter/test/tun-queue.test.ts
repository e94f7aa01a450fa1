import { createPacketBatch, type PacketBatch, packetAt } from '@ipsec-kit/ip';
import {
  AF_UNIX,
  loadSystemCalls,
  rawMemory,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  type SystemCalls,
} from '@ipsec-kit/posix';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { fileCalls, type TunCalls } from '../src/file-calls.ts';
import type { TunOffloads, TunQueue, TunQueueOptions } from '../src/index.ts';
import { tunQueueOn } from '../src/open-tun-queue.ts';
import { train, writePacket } from './packets.ts';

const loaded = loadSystemCalls();
if (!loaded.ok) {
  if (process.env.IPSEC_KIT_REQUIRE_INTEROP === '1') throw new Error(loaded.reason);
  process.stderr.write(`skipped: queues of TUN devices: ${loaded.reason}\n`);
}
const ALL: TunOffloads = { checksum: true, tcp: true, udp: true };

function batchOf(packets: readonly Uint8Array[]): PacketBatch {
  const batch = createPacketBatch({
    capacity: Math.max(packets.length, 1),
    slotBytes: 2048,
    headroom: 64,
  });
  packets.forEach((packet, i) => {
    batch.memory.set(packet, i * 2048 + 64);
    batch.offsets[i] = i * 2048 + 64;
    batch.lengths[i] = packet.length;
  });
  batch.count = packets.length;
  return batch;
}

describe.runIf(loaded.ok).each([
  ['system calls', (calls: SystemCalls): TunCalls => calls],
  ['node:fs', fileCalls],
])('a queue of a TUN device, through %s', (_, callsFrom) => {
  const system = (loaded as { calls: SystemCalls }).calls;
  const calls: TunCalls = callsFrom(system);
  const open: TunQueue[] = [];

  /** Two queues joined by datagrams: what one writes the other reads, vnet headers and all, as from a device. */
  function joined(
    options: Partial<TunQueueOptions> = {},
    offloads: TunOffloads | undefined = ALL,
  ): [TunQueue, TunQueue] {
    const memory = rawMemory(system.mapMemory(8));
    system.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, memory.address);
    const [first = -1, second = -1] = memory.words32;
    const queues = [first, second].map((fd) =>
      tunQueueOn(calls, fd, offloads, { name: 'test', ...options }),
    );
    open.push(...queues);
    const [a, b] = queues;
    if (!a || !b) throw new Error('there are two queues');
    return [a, b];
  }

  function everything(queue: TunQueue): Uint8Array[] {
    const packets: Uint8Array[] = [];
    for (let more = true; more; ) {
      more = queue.read();
      for (let i = 0; i < queue.packets.count; i += 1)
        packets.push(packetAt(queue.packets, i).slice());
    }
    return packets;
  }

  /** Counts the system calls that a queue writes with. */
  function countingWrites(queue: (calls: TunCalls) => TunQueue): {
    queue: TunQueue;
    count(): number;
  } {
    let count = 0;
    const counted = queue({
      ...calls,
      writev: (...args) => {
        count += 1;
        return calls.writev(...args);
      },
    });
    return { queue: counted, count: () => count };
  }

  afterEach(() => {
    for (const queue of open.splice(0)) queue.close();
  });

  it.each([
    ['TCP over IPv4', { version: 4, protocol: 'tcp' }],
    ['TCP over IPv6', { version: 6, protocol: 'tcp' }],
    ['UDP over IPv4', { version: 4, protocol: 'udp' }],
    ['UDP over IPv6', { version: 6, protocol: 'udp' }],
  ] as const)('writes %s in one piece, and reads it as the packets that it was', (_, kind) => {
    const [a, b] = joined();
    const { queue, count } = countingWrites((counted) =>
      tunQueueOn(counted, a.fd, ALL, { name: 'a' }),
    );
    const packets = train(40, 1348, kind);
    expect(queue.write(batchOf(packets))).toBe(40);
    expect(count()).toBe(1);
    expect(everything(b)).toEqual(packets);
    expect(b.counters).toMatchObject({ read: 40, readDrops: 0 });
  });

  it('carries any mix of trains and single packets', () => {
    const kinds = fc.record({
      version: fc.constantFrom(4 as const, 6 as const),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      port: fc.nat(3),
    });
    const trains = fc.array(
      fc.record({
        count: fc.integer({ min: 1, max: 12 }),
        payload: fc.integer({ min: 0, max: 1400 }),
        kind: kinds,
      }),
      { minLength: 1, maxLength: 6 },
    );
    const [a, b] = joined();
    fc.assert(
      fc.property(trains, (list) => {
        const packets = list.flatMap(({ count, payload, kind }) => train(count, payload, kind));
        a.write(batchOf(packets));
        const sorted = (all: Uint8Array[]) =>
          all.map((each) => Buffer.from(each).toString('hex')).sort();
        expect(sorted(everything(b))).toEqual(sorted(packets));
      }),
      { numRuns: 60 },
    );
  });

  it('hands out the rest of a large packet with the next reads, unharmed by what was done to the first', () => {
    const [a, b] = joined({ batchPackets: 16 });
    const packets = train(45, 1400);
    a.write(batchOf(packets));
    a.write(batchOf(train(1, 10)));
    const came: Uint8Array[] = [];
    const counts: number[] = [];
    for (let more = true; more; ) {
      more = b.read();
      counts.push(b.packets.count);
      for (let i = 0; i < b.packets.count; i += 1) {
        came.push(packetAt(b.packets, i).slice());
        // As sealing would: over headroom, packet and tailroom.
        const offset = b.packets.offsets[i] ?? 0;
        b.packets.memory.fill(0xee, offset - 64, offset + (b.packets.lengths[i] ?? 0) + 128);
      }
    }
    expect(counts).toEqual([16, 16, 14]);
    expect(came).toEqual([...packets, ...train(1, 10)]);
  });

  it('leaves headroom and tailroom at every packet, and slots for fragments', () => {
    const [a, b] = joined({ headroomBytes: 40, tailroomBytes: 200, mtu: 1400 });
    a.write(batchOf(train(30, 1340)));
    b.read();
    const { packets } = b;
    expect(packets.capacity).toBeGreaterThan(packets.count);
    const slots = new Set<number>();
    for (let i = 0; i < packets.count; i += 1) {
      const inSlot = (packets.offsets[i] ?? 0) % packets.slotBytes;
      expect(inSlot).toBeGreaterThanOrEqual(40);
      expect(inSlot + (packets.lengths[i] ?? 0) + 200).toBeLessThanOrEqual(packets.slotBytes);
      slots.add(Math.floor((packets.offsets[i] ?? 0) / packets.slotBytes));
    }
    expect(slots.size).toBe(30);
  });

  it('completes a checksum that the host left to the device', () => {
    const [a, b] = joined();
    const [packet] = train(1, 777);
    if (!packet) throw new Error('there is a packet');
    const frame = new Uint8Array(10 + packet.length);
    frame.set([1, 0, 0, 0, 0, 0, 20, 0, 16, 0]);
    frame.set(packet, 10);
    // The field holds the pseudo-header's sum: addresses, protocol and length.
    const sum = 0x0a01 + 1 + 0x0a01 + 2 + 6 + 797;
    frame[10 + 36] = sum >>> 8;
    frame[10 + 37] = sum;
    calls.write(a.fd, calls.addressOf(frame), frame.length);
    expect(everything(b)).toEqual([packet]);
  });

  it('drops and counts packets above the MTU, whole ones and segments', () => {
    const [a, b] = joined({ mtu: 1000 });
    a.write(
      batchOf([...train(1, 1100), ...train(3, 1000, { port: 81 }), ...train(2, 500, { port: 82 })]),
    );
    expect(everything(b)).toEqual(train(2, 500, { port: 82 }));
    expect(b.counters).toEqual({ read: 2, readDrops: 2, written: 0, writeDrops: 0 });
  });

  it('never throws and stays in its slots, whatever the device says', () => {
    const [a, b] = joined({ batchPackets: 8 });
    const frame = fc.record({
      header: fc.uint8Array({ minLength: 10, maxLength: 10 }),
      kind: fc.constantFrom(0, 1, 4, 5, 3, 0x81),
      start: fc.nat(80),
      field: fc.constantFrom(6, 16, 60000),
      packet: fc.constantFrom(...train(2, 900), ...train(1, 300, { version: 6, protocol: 'udp' })),
      cut: fc.nat(960),
    });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 6 }), (frames) => {
        for (const { header, kind, start, field, packet, cut } of frames) {
          header.set([1, kind], 0);
          header.set([start, 0, field & 255, field >>> 8], 6);
          const all = Uint8Array.from([...header, ...packet.subarray(0, cut)]);
          calls.write(a.fd, calls.addressOf(all), all.length);
        }
        for (let more = true; more; ) {
          more = b.read();
          for (let i = 0; i < b.packets.count; i += 1) {
            const offset = b.packets.offsets[i] ?? 0;
            const length = b.packets.lengths[i] ?? 0;
            const start = Math.floor(offset / b.packets.slotBytes) * b.packets.slotBytes;
            expect(offset - start).toBe(64);
            expect(length).toBeLessThanOrEqual(1500);
          }
        }
      }),
    );
  });

  it('reads and writes bare packets where the device has no vnet header', () => {
    const memory = rawMemory(system.mapMemory(8));
    system.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, memory.address);
    const [first = -1, second = -1] = memory.words32;
    const a = tunQueueOn(calls, first, undefined, { name: 'a' });
    const b = tunQueueOn(calls, second, undefined, { name: 'b' });
    open.push(a, b);
    const packets = [
      ...train(5, 600),
      writePacket({
        version: 6,
        protocol: 'udp',
        port: 1,
        sequence: 0,
        flags: 0,
        identification: 0,
        payload: new Uint8Array(9),
      }),
    ];
    expect(a.write(batchOf(packets))).toBe(6);
    expect(everything(b)).toEqual(packets);
    expect(a.offloads).toEqual({ checksum: false, tcp: false, udp: false });
  });

  it('counts what the device refuses, and says why', () => {
    const [a, b] = joined();
    b.close();
    expect(a.write(batchOf(train(4, 100)))).toBe(0);
    expect(a.counters).toMatchObject({ written: 0, writeDrops: 4 });
    expect(a.lastErrno).toBe(111);
    expect(b.write(batchOf(train(4, 100)))).toBe(0);
    expect(b.read()).toBe(false);
    expect(b.packets.count).toBe(0);
  });

  it.each([
    ['with offloads', ALL],
    ['without', undefined],
  ])('never reads beyond the memory of a batch, %s', (_, offloads) => {
    const [a, b] = joined({}, offloads);
    const batch = batchOf(train(2, 100));
    batch.lengths[1] = batch.memory.length;
    expect(() => a.write(batch)).toThrow('inside of its memory');
    expect(everything(b)).toEqual([]);
  });

  it('writes batches of different memories and sizes in turn', () => {
    const [a, b] = joined();
    for (let round = 0; round < 3; round += 1) {
      for (const count of [3, 60, 1]) {
        const packets = train(count, 200 + round);
        expect(a.write(batchOf(packets))).toBe(count);
        expect(everything(b)).toEqual(packets);
      }
    }
  });
});
