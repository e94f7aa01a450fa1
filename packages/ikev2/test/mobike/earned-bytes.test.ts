import { describe, expect, it } from 'vitest';
import { EarnedBytes } from '../../src/mobike/earned-bytes.ts';
import { address } from './roaming-pair.ts';

const [HERE, THERE] = [address('192.0.2.1'), address('192.0.2.2')];

describe('what may go where nobody has shown that the peer is', () => {
  it('is never more than came from there, however it is asked for', () => {
    const earned = new EarnedBytes();
    expect(earned.spend(HERE, 1)).toBe(false);
    earned.earn(HERE, 100);
    expect(earned.spend(HERE, 101)).toBe(false);
    expect(earned.spend(HERE, 60)).toBe(true);
    // What was refused costs nothing.
    expect(earned.spend(HERE, 41)).toBe(false);
    expect(earned.left(HERE)).toBe(40);
    expect(earned.spend(HERE, 40)).toBe(true);
    expect(earned.spend(HERE, 1)).toBe(false);
  });

  it('is counted for each address', () => {
    const earned = new EarnedBytes();
    earned.earn(HERE, 100);
    expect(earned.spend(THERE, 1)).toBe(false);
    earned.earn(THERE, 10);
    earned.earn(HERE, 100);
    expect([earned.left(HERE), earned.left(THERE)]).toEqual([200, 10]);
  });

  it('is remembered of the eight addresses that were heard of last', () => {
    const earned = new EarnedBytes();
    const others = Array.from({ length: 8 }, (_, i) => address(`198.51.100.${i}`));
    earned.earn(HERE, 100);
    for (const other of others) earned.earn(other, 1);
    expect(earned.left(HERE)).toBe(0);
    expect(others.map((other) => earned.left(other))).toEqual(others.map(() => 1));
  });
});
