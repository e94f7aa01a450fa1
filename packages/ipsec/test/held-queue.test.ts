import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeldQueue, HoldingTotal } from '../src/held-queue.ts';

const path = new Uint8Array(0);

describe('HeldQueue', () => {
  it('keeps order and every bound, whatever is pushed to several queues', () => {
    const step = fc.record({
      queue: fc.nat(2),
      action: fc.constantFrom('push', 'push', 'push', 'shift', 'take', 'clear'),
      bytes: fc.nat(60),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const total = new HoldingTotal({ packets: 12, bytes: 300 });
        const ends = [0, 1, 2].map(() => ({
          queue: new HeldQueue({ packets: 6, bytes: 150 }, total),
          model: [] as Uint8Array[],
        }));
        for (const { queue: index, action, bytes } of steps) {
          const end = ends[index];
          if (!end) throw new Error('no such queue');
          const { queue, model } = end;
          if (action === 'push') {
            const data = new Uint8Array(bytes);
            const expected = queue.hasRoomFor(bytes);
            expect(queue.push({ data, path, trafficClass: 0 })).toBe(expected);
            if (expected) model.push(data);
          } else if (action === 'shift') {
            expect(queue.shift()?.data).toBe(model.shift());
          } else if (action === 'take') {
            const isTaken = (data: Uint8Array) => data.length < bytes;
            const taken = queue.take(({ data }) => isTaken(data));
            expect(taken.map(({ data }) => data)).toEqual(model.filter(isTaken));
            end.model = model.filter((data) => !isTaken(data));
          } else {
            expect(queue.clear()).toBe(model.length);
            model.length = 0;
          }
          const sizes = ends.map((each) => each.model.reduce((sum, { length }) => sum + length, 0));
          expect(ends.map((each) => each.queue.count)).toEqual(ends.map((e) => e.model.length));
          expect(Math.max(...sizes)).toBeLessThanOrEqual(150);
          expect(total.bytes).toBe(sizes.reduce((a, b) => a + b, 0));
          expect(total.bytes).toBeLessThanOrEqual(300);
          expect(total.packets).toBe(ends.reduce((sum, each) => sum + each.model.length, 0));
          expect(total.packets).toBeLessThanOrEqual(12);
        }
      }),
    );
  });

  it('refuses only what does not fit', () => {
    const total = new HoldingTotal({ packets: 3, bytes: 100 });
    const queue = new HeldQueue({ packets: 2, bytes: 50 }, total);
    const other = new HeldQueue({ packets: 9, bytes: 90 }, total);
    expect(queue.push({ data: new Uint8Array(51), path, trafficClass: 0 })).toBe(false);
    expect(queue.push({ data: new Uint8Array(50), path, trafficClass: 0 })).toBe(true);
    expect(queue.push({ data: new Uint8Array(1), path, trafficClass: 0 })).toBe(false);
    expect(queue.push({ data: new Uint8Array(0), path, trafficClass: 0 })).toBe(true);
    expect(queue.push({ data: new Uint8Array(0), path, trafficClass: 0 })).toBe(false);
    expect(other.push({ data: new Uint8Array(51), path, trafficClass: 0 })).toBe(false);
    expect(other.push({ data: new Uint8Array(50), path, trafficClass: 0 })).toBe(true);
    expect(other.push({ data: new Uint8Array(0), path, trafficClass: 0 })).toBe(false);
    queue.clear();
    expect(other.push({ data: new Uint8Array(40), path, trafficClass: 0 })).toBe(true);
  });
});
