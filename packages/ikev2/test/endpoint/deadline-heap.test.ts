import { instantFromMs, type WakeClass } from '@ipsec-kit/clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeadlineHeap } from '../../src/endpoint/deadline-heap.ts';

describe('the deadlines of many sessions', () => {
  it('come out like from a sorted list, whatever is set, replaced and cleared', () => {
    const step = fc.record({
      kind: fc.constantFrom('set', 'set', 'clear', 'clear-session', 'take'),
      sessionId: fc.nat(20),
      name: fc.constantFrom('a', 'b', 'c'),
      at: fc.nat(100),
      wake: fc.constantFrom<WakeClass>('device', 'process'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const heap = new DeadlineHeap<string>();
        const model = new Map<string, number>();
        const wakes = new Map<string, WakeClass>();
        for (const { kind, sessionId, name, at, wake } of steps) {
          if (kind === 'set') {
            heap.set({
              sessionId,
              name,
              label: name,
              at: instantFromMs(at),
              toleranceMs: 0,
              wake,
            });
            model.set(`${sessionId} ${name}`, at);
            wakes.set(`${sessionId} ${name}`, wake);
          } else if (kind === 'clear') {
            heap.clear(sessionId, name);
            model.delete(`${sessionId} ${name}`);
          } else if (kind === 'clear-session') {
            heap.clearSession(sessionId);
            for (const key of [...model.keys()]) {
              if (key.startsWith(`${sessionId} `)) model.delete(key);
            }
          } else {
            const first = Math.min(...model.values());
            const of = heap.first()?.sessionId ?? -1;
            const due = heap.takeDueOf(of, instantFromMs(at), () => 0);
            expect(due?.at).toBe(first <= at ? first : undefined);
            if (due) model.delete(`${due.sessionId} ${due.name}`);
          }
          expect(heap.first()?.at).toBe(model.size > 0 ? Math.min(...model.values()) : undefined);
          for (const one of ['device', 'process'] as const) {
            const ofClass = [...model].filter(([key]) => wakes.get(key) === one);
            const earliest =
              ofClass.length > 0 ? Math.min(...ofClass.map(([, ms]) => ms)) : undefined;
            expect(heap.first(one)?.at).toBe(earliest);
          }
        }
      }),
    );
  });

  it('wait no longer than what comes a little later, and may not wait, allows', () => {
    const heap = new DeadlineHeap<string>();
    const set = (name: string, at: number, toleranceMs: number, wake: WakeClass): void =>
      heap.set({ sessionId: 1, name, label: name, at: instantFromMs(at), toleranceMs, wake });
    set('patient', 10, 30_000, 'process');
    set('soon', 20, 1_000, 'process');
    set('idle', 500, 0, 'device');
    const first = heap.first('process');
    expect(first?.name).toBe('patient');
    expect(first && heap.toleranceOf(first, 'process')).toBe(1_010);
    expect(first && heap.toleranceOf(first)).toBe(490);
    heap.clear(1, 'soon');
    expect(first && heap.toleranceOf(first, 'process')).toBe(30_000);
  });
});
