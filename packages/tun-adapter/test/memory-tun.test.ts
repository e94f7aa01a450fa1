import { createPacketBatch } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { createMemoryTun } from '../src/memory.ts';
import { prefix, settings } from './settings-fixture.ts';

const packet = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill);

describe('createMemoryTun', () => {
  it('hands over copies of injected packets with headroom in front', () => {
    const tun = createMemoryTun({ headroomBytes: 48 });
    const seen: number[][] = [];
    tun.onPackets(({ count, offsets, lengths, slotBytes, memory }) => {
      for (let i = 0; i < count; i += 1) {
        const offset = offsets[i] ?? 0;
        seen.push([offset % slotBytes, lengths[i] ?? 0, memory[offset] ?? 0]);
      }
      memory.fill(0);
    });
    const first = packet(100, 7);
    expect(tun.injectAll([first, packet(20, 8)])).toBe(2);
    expect(seen).toEqual([
      [48, 100, 7],
      [48, 20, 8],
    ]);
    expect(first).toEqual(packet(100, 7));
  });

  it('splits more than a batch holds, and keeps the order', () => {
    const tun = createMemoryTun({ batchPackets: 4 });
    const counts: number[] = [];
    tun.onPackets((batch) => {
      counts.push(batch.count);
    });
    tun.injectAll(Array.from({ length: 10 }, () => packet(10)));
    expect(counts).toEqual([4, 4, 2]);
  });

  it('hands over what a handler injects after the packets before it', () => {
    const tun = createMemoryTun();
    const order: number[] = [];
    let depth = 0;
    tun.onPackets(({ lengths }) => {
      depth += 1;
      expect(depth).toBe(1);
      const length = lengths[0] ?? 0;
      order.push(length);
      if (length > 1) tun.inject(packet(length - 1));
      depth -= 1;
    });
    tun.inject(packet(3));
    expect(order).toEqual([3, 2, 1]);
  });

  it('drops and counts what is longer than the MTU, and follows a new MTU', async () => {
    const tun = createMemoryTun({ mtu: 1000 });
    tun.onPackets(() => undefined);
    expect(tun.inject(packet(1001))).toBe(false);
    await tun.configure(settings({ mtu: 1400 }));
    expect(tun.inject(packet(1400))).toBe(true);
    expect(tun.counters).toMatchObject({ read: 1, readDrops: 1 });
  });

  it('drops what nobody listens to', () => {
    const tun = createMemoryTun();
    expect(tun.inject(packet(10))).toBe(false);
    expect(tun.counters.readDrops).toBe(1);
  });

  it('gives written packets to the host as copies', () => {
    const tun = createMemoryTun();
    const written: Uint8Array[] = [];
    tun.onWritten((each) => written.push(each));
    const batch = createPacketBatch({ capacity: 2, slotBytes: 64, headroom: 8 });
    batch.memory.fill(5, 8, 28);
    batch.offsets[0] = 8;
    batch.lengths[0] = 20;
    batch.count = 1;
    expect(tun.write(batch)).toBe(1);
    batch.memory.fill(0);
    expect(written).toEqual([packet(20, 5)]);
  });

  it('remembers its settings until it is closed, and takes nothing afterwards', async () => {
    const tun = createMemoryTun();
    tun.onPackets(() => undefined);
    const wanted = settings({ addresses: [prefix('10.9.0.2/32')] });
    await tun.configure(wanted);
    expect(tun.settings).toBe(wanted);
    await tun.close();
    await tun.close();
    expect(tun.isClosed).toBe(true);
    expect(tun.settings).toBeUndefined();
    expect(tun.inject(packet(10))).toBe(false);
    expect(
      tun.write({ ...createPacketBatch({ capacity: 1, slotBytes: 8, headroom: 0 }), count: 1 }),
    ).toBe(0);
    await expect(tun.configure(wanted)).rejects.toThrow('is closed');
  });
});
