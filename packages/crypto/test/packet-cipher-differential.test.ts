import { type CipherSuite, createSeededRandom, KeyMaterial } from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { suites } from './providers.ts';

const noble = createNobleProvider();
const node = createNodeProvider();

function label(suite: CipherSuite): string {
  return `encryption ${suite.encryption}, ${suite.keyBits} bits, integrity ${suite.integrity}`;
}

function randomBytes(seed: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  createSeededRandom(seed).fill(bytes);
  return bytes;
}

/** A packet somewhere inside memory that holds other bytes around it. */
function layout(suite: CipherSuite, seed: number, before: number, aadBytes: number, size: number) {
  const shape = noble.cipherShape(suite);
  if (shape === undefined) throw new Error(`no shape for ${label(suite)}`);
  const textBytes = size * shape.blockBytes;
  const ivOffset = before + aadBytes;
  const textOffset = ivOffset + shape.ivBytes;
  const end = textOffset + textBytes + shape.icvBytes;
  const memory = randomBytes(`${seed}/memory`, end + 7);
  const keys = {
    encryption: new KeyMaterial(randomBytes(`${seed}/e`, shape.encryptionKeyBytes)),
    integrity: new KeyMaterial(randomBytes(`${seed}/i`, shape.integrityKeyBytes)),
  };
  return { memory, keys, end, args: [before, aadBytes, ivOffset, textOffset, textBytes] as const };
}

const inputs = fc.record({
  seed: fc.nat(),
  before: fc.integer({ min: 0, max: 33 }),
  aadBytes: fc.integer({ min: 0, max: 40 }),
  size: fc.integer({ min: 0, max: 97 }),
});

describe.each(suites.map((suite) => [label(suite), suite] as const))('%s', (_, suite) => {
  it('is sealed alike by both providers, at any offset and length, and touches nothing else', () => {
    fc.assert(
      fc.property(inputs, ({ seed, before, aadBytes, size }) => {
        const { memory, keys, end, args } = layout(suite, seed, before, aadBytes, size);
        const byNoble = memory.slice();
        const byNode = memory.slice();
        noble.createCipher(suite, keys).seal(byNoble, ...args);
        node.createCipher(suite, keys).seal(byNode, ...args);
        expect(byNode).toEqual(byNoble);
        expect(byNoble.subarray(0, args[3])).toEqual(memory.subarray(0, args[3]));
        expect(byNoble.subarray(end)).toEqual(memory.subarray(end));
      }),
      { numRuns: 15 },
    );
  });

  it('is opened by the other provider', () => {
    fc.assert(
      fc.property(inputs, ({ seed, before, aadBytes, size }) => {
        const { memory, keys, end, args } = layout(suite, seed, before, aadBytes, size);
        const sealed = memory.slice();
        noble.createCipher(suite, keys).seal(sealed, ...args);
        const icvOffset = args[3] + args[4];
        for (const opener of [node, noble]) {
          const opened = sealed.slice();
          expect(opener.createCipher(suite, keys).open(opened, ...args)).toBe(true);
          expect(opened.subarray(0, icvOffset)).toEqual(memory.subarray(0, icvOffset));
          expect(opened.subarray(end)).toEqual(memory.subarray(end));
        }
      }),
      { numRuns: 15 },
    );
  });

  it('refuses a packet with one bit flipped anywhere in AAD, IV, text or ICV', () => {
    fc.assert(
      fc.property(inputs, fc.nat(), fc.nat(7), ({ seed, before, aadBytes, size }, at, bit) => {
        const { memory, keys, end, args } = layout(suite, seed, before, aadBytes, size);
        node.createCipher(suite, keys).seal(memory, ...args);
        const place = before + (at % (end - before));
        memory[place] = (memory[place] ?? 0) ^ (1 << bit);
        for (const opener of [node, noble]) {
          expect(opener.createCipher(suite, keys).open(memory.slice(), ...args)).toBe(false);
        }
      }),
      { numRuns: 30 },
    );
  });
});
