import { MAX_REPLAY_WINDOW, MIN_REPLAY_WINDOW, ReplayWindow } from '@ipsec-kit/esp';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** The definition, without a ring: a set of all numbers and the highest. */
class ModelWindow {
  readonly #seen = new Set<number>();
  #highest = 0;
  readonly #packets: number;
  constructor(packets: number) {
    this.#packets = packets;
  }
  isNew(sequence: number): boolean {
    if (sequence === 0 || this.#seen.has(sequence)) return false;
    return sequence > this.#highest - this.#packets;
  }
  accept(sequence: number): boolean {
    this.#seen.add(sequence);
    const isHighest = sequence > this.#highest;
    this.#highest = Math.max(this.#highest, sequence);
    return isHighest;
  }
}

describe('the replay window (RFC 4303 §3.4.3, RFC 6479)', () => {
  it('takes each number of the window once, in any order', () => {
    const window = new ReplayWindow(64);
    for (const sequence of [1, 3, 2, 64]) {
      expect(window.isNew(sequence)).toBe(true);
      window.accept(sequence);
      expect(window.isNew(sequence)).toBe(false);
    }
    expect(window.highest).toBe(64);
  });

  it.each([32, 33, 64, 100, 1024, 65536])('reaches back exactly %d packets', (packets) => {
    const window = new ReplayWindow(packets);
    window.accept(200000);
    expect(window.isNew(200000 - packets + 1)).toBe(true);
    expect(window.isNew(200000 - packets)).toBe(false);
  });

  it('is moved by what is accepted, not by what is asked about', () => {
    const window = new ReplayWindow(32);
    expect(window.isNew(0xffffffff)).toBe(true);
    expect(window.isNew(1)).toBe(true);
  });

  it('forgets nothing and invents nothing when it jumps', () => {
    const window = new ReplayWindow(64);
    for (let sequence = 1; sequence <= 64; sequence += 1) window.accept(sequence);
    window.accept(100);
    expect(window.isNew(64)).toBe(false);
    expect(window.isNew(65)).toBe(true);
    window.accept(0xffffffff);
    expect(window.isNew(0xffffffff)).toBe(false);
    expect(window.isNew(0xfffffffe)).toBe(true);
  });

  it('never takes number 0, which is never sent', () => {
    expect(new ReplayWindow(64).isNew(0)).toBe(false);
  });

  it('says which packet is the newest', () => {
    const window = new ReplayWindow(64);
    expect([5, 4, 6].map((sequence) => window.accept(sequence))).toEqual([true, false, true]);
  });

  it('takes everything, and calls nothing the newest, when it is off', () => {
    const window = new ReplayWindow(0);
    expect([window.accept(9), window.isNew(9), window.isNew(1)]).toEqual([false, true, true]);
  });

  it('keeps 32 packets when asked for fewer', () => {
    expect([1, 31].map((packets) => new ReplayWindow(packets).packets)).toEqual([32, 32]);
  });

  it.each([65537, 33.5, -1, Number.NaN])('refuses a size of %d packets', (packets) => {
    expect(() => new ReplayWindow(packets)).toThrow(/"replayWindowPackets" expected 0 to 65536/);
  });

  it('agrees with its definition for any order of numbers', () => {
    const size = fc.integer({ min: MIN_REPLAY_WINDOW, max: 300 });
    const steps = fc.array(fc.integer({ min: -400, max: 400 }), { maxLength: 300 });
    fc.assert(
      fc.property(size, steps, (packets, moves) => {
        const window = new ReplayWindow(packets);
        const model = new ModelWindow(packets);
        for (const move of moves) {
          const sequence = Math.max(window.highest + move, 0);
          const isNew = model.isNew(sequence);
          expect(window.isNew(sequence)).toBe(isNew);
          if (isNew) expect(window.accept(sequence)).toBe(model.accept(sequence));
        }
      }),
    );
  });

  it('serves the largest size', () => {
    const window = new ReplayWindow(MAX_REPLAY_WINDOW);
    for (let sequence = 1; sequence <= 70000; sequence += 1) window.accept(sequence);
    expect(window.isNew(70000 - MAX_REPLAY_WINDOW + 1)).toBe(false);
  });
});
