import { instantFromMs, TimeQueue, type TimeQueueEntry } from '@ipsec-kit/clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const operation = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), at: fc.integer({ min: 0, max: 20 }) }),
  fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }),
  fc.record({
    kind: fc.constant('move' as const),
    pick: fc.nat(),
    at: fc.integer({ min: 0, max: 20 }),
  }),
  fc.record({ kind: fc.constant('take' as const) }),
);

describe('TimeQueue', () => {
  it('behaves like a list sorted by time, then by registration', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
        const queue = new TimeQueue<number>();
        let model: TimeQueueEntry<number>[] = [];
        const gone: TimeQueueEntry<number>[] = [];
        const insert = (entry: TimeQueueEntry<number>): void => {
          const index = model.findIndex((other) => other.at > entry.at);
          model.splice(index < 0 ? model.length : index, 0, entry);
        };
        operations.forEach((step, id) => {
          if (step.kind === 'add') insert(queue.add(instantFromMs(step.at), id));
          else if (step.kind === 'take') {
            const taken = queue.takeFirst();
            expect(taken).toBe(model.shift());
            if (taken) gone.push(taken);
          } else if (model.length > 0) {
            const entry = model[step.pick % model.length];
            if (!entry) throw new Error('unreachable');
            model = model.filter((other) => other !== entry);
            if (step.kind === 'remove') {
              expect(queue.remove(entry)).toBe(true);
              gone.push(entry);
            } else {
              expect(queue.move(entry, instantFromMs(step.at))).toBe(true);
              insert(entry);
            }
          }
          expect(queue.first).toBe(model[0]);
          expect(queue.size).toBe(model.length);
        });
        for (const entry of gone) expect(queue.remove(entry)).toBe(false);
        const rest: number[] = [];
        for (let e = queue.takeFirst(); e; e = queue.takeFirst()) rest.push(e.value);
        expect(rest).toEqual(model.map((entry) => entry.value));
      }),
    );
  });

  it('visits exactly the entries that are not later than the bound', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 50 })), fc.nat({ max: 50 }), (times, until) => {
        const queue = new TimeQueue<number>();
        for (const at of times) queue.add(instantFromMs(at), at);
        const seen: number[] = [];
        queue.visitUntil(instantFromMs(until), (entry) => seen.push(entry.value));
        const sorted = (list: number[]): number[] => list.sort((a, b) => a - b);
        expect(sorted(seen)).toEqual(sorted(times.filter((at) => at <= until)));
      }),
    );
  });

  it('does not touch the entry of another queue', () => {
    const one = new TimeQueue<string>();
    const other = new TimeQueue<string>();
    const entry = one.add(instantFromMs(1), 'mine');
    other.add(instantFromMs(1), 'theirs');
    expect(other.remove(entry)).toBe(false);
    expect(other.move(entry, instantFromMs(2))).toBe(false);
    expect(other.size).toBe(1);
    expect(one.first?.value).toBe('mine');
  });

  it('refuses an instant that is not a number', () => {
    const queue = new TimeQueue<string>();
    expect(() => queue.add(instantFromMs(Number.NaN), 'x')).toThrow(RangeError);
    const entry = queue.add(instantFromMs(0), 'x');
    expect(() => queue.move(entry, instantFromMs(Number.NaN))).toThrow(RangeError);
  });
});
