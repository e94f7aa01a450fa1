import { createSeededRandom, type RandomSource } from '@ipsec-kit/crypto';
import { systemRandom as nobleRandom } from '@ipsec-kit/crypto/noble';
import { systemRandom as nodeRandom } from '@ipsec-kit/crypto/node';
import { describe, expect, it } from 'vitest';

function draw(source: RandomSource, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  source.fill(bytes);
  return bytes;
}

describe('createSeededRandom', () => {
  it('gives the same bytes for the same seed', () => {
    expect(draw(createSeededRandom(7), 100)).toEqual(draw(createSeededRandom('7'), 100));
    expect(Buffer.from(draw(createSeededRandom('trace'), 16)).toString('hex')).toBe(
      'da9a8498062206e8364b005d71bad69f',
    );
  });

  it('gives other bytes for another seed, and on every call', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 1000; seed += 1) {
      const source = createSeededRandom(seed);
      seen.add(Buffer.from(draw(source, 8)).toString('hex'));
      seen.add(Buffer.from(draw(source, 8)).toString('hex'));
    }
    expect(seen.size).toBe(2000);
  });

  it('spreads its bytes evenly', () => {
    const counts = new Array<number>(256).fill(0);
    for (const byte of draw(createSeededRandom('even'), 256_000)) {
      counts[byte] = (counts[byte] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1150);
  });
});

describe.each([
  ['noble', nobleRandom()],
  ['node', nodeRandom()],
])('systemRandom of %s', (_, source) => {
  it('fills all of a target of any size, differently each time', () => {
    for (const length of [32, 65_536, 65_537, 200_000]) {
      const first = draw(source, length);
      expect(first).not.toEqual(draw(source, length));
      expect(first.subarray(-32)).not.toEqual(new Uint8Array(32));
    }
    expect(draw(source, 0)).toEqual(new Uint8Array(0));
  });

  it('fills a view and nothing beside it', () => {
    const memory = new Uint8Array(64);
    source.fill(memory.subarray(16, 48));
    expect(memory.subarray(0, 16)).toEqual(new Uint8Array(16));
    expect(memory.subarray(48)).toEqual(new Uint8Array(16));
  });
});
