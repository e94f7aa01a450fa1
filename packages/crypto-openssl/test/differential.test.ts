import type { CipherSuite, CryptoProvider } from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  closable,
  implicitSuites,
  keysOf,
  label,
  openSslProvider,
  seededBytes,
  suites,
} from './fixture.ts';

const openssl = openSslProvider();
const others = [createNodeProvider(), createNobleProvider()];

/** A packet somewhere inside memory that holds other bytes around it. */
function layout(
  provider: CryptoProvider,
  suite: CipherSuite,
  input: { seed: number; before: number; aadBytes: number; size: number },
) {
  const { seed, before, aadBytes, size } = input;
  const shape = provider.cipherShape(suite);
  if (!shape) throw new Error(`no shape for ${label(suite)}`);
  const textBytes = size * shape.blockBytes;
  const ivOffset = before + aadBytes;
  const textOffset = ivOffset + shape.ivBytes;
  const end = textOffset + textBytes + shape.icvBytes;
  return {
    memory: seededBytes(`${seed}/memory`, end + 7),
    keys: keysOf(provider, suite, `${seed}`),
    end,
    args: [before, aadBytes, ivOffset, textOffset, textBytes] as const,
  };
}

const inputs = fc.record({
  seed: fc.nat(),
  before: fc.integer({ min: 0, max: 33 }),
  aadBytes: fc.integer({ min: 0, max: 40 }),
  size: fc.integer({ min: 0, max: 97 }),
});

describe.runIf(openssl !== undefined).each(suites.map((suite) => [label(suite), suite] as const))(
  '%s',
  (_, suite) => {
    const provider = openssl as CryptoProvider;

    it('is sealed as node:crypto and noble seal it, at any offset and length, and touches nothing else', () => {
      fc.assert(
        fc.property(inputs, (input) => {
          const { memory, keys, args } = layout(provider, suite, input);
          const ours = memory.slice();
          const cipher = closable(provider.createCipher(suite, keys));
          cipher.seal(ours, ...args);
          for (const other of others) {
            const theirs = memory.slice();
            other.createCipher(suite, keys).seal(theirs, ...args);
            expect(ours).toEqual(theirs);
          }
          cipher.close();
        }),
        { numRuns: 10 },
      );
    });

    it('opens what node:crypto and noble have sealed, packet after packet', () => {
      fc.assert(
        fc.property(inputs, fc.array(fc.nat(255), { minLength: 1, maxLength: 4 }), (input, ivs) => {
          const { memory, keys, args } = layout(provider, suite, input);
          const cipher = closable(provider.createCipher(suite, keys));
          for (const iv of ivs) {
            memory[args[2]] = iv;
            for (const other of others) {
              const sealed = memory.slice();
              other.createCipher(suite, keys).seal(sealed, ...args);
              expect(cipher.open(sealed, ...args)).toBe(true);
              const plainEnd = args[3] + args[4];
              expect(sealed.subarray(0, plainEnd)).toEqual(memory.subarray(0, plainEnd));
            }
          }
          cipher.close();
        }),
        { numRuns: 8 },
      );
    });

    it('refuses a packet with one bit flipped anywhere in AAD, IV, text or ICV, and opens the next', () => {
      fc.assert(
        fc.property(inputs, fc.nat(), fc.nat(7), (input, at, bit) => {
          const { memory, keys, end, args } = layout(provider, suite, input);
          const cipher = closable(provider.createCipher(suite, keys));
          const sealed = memory.slice();
          cipher.seal(sealed, ...args);
          const forged = sealed.slice();
          const place = input.before + (at % (end - input.before));
          forged[place] = (forged[place] ?? 0) ^ (1 << bit);
          expect(cipher.open(forged, ...args)).toBe(false);
          expect(cipher.open(sealed, ...args)).toBe(true);
          cipher.close();
        }),
        { numRuns: 20 },
      );
    });
  },
);

describe
  .runIf(openssl !== undefined)
  .each([...suites, ...implicitSuites].map((suite) => [label(suite), suite] as const))(
  '%s, with an extended sequence number (RFC 4303 §2.2.1)',
  (_, suite) => {
    const provider = openssl as CryptoProvider;
    const high = fc.option(fc.integer({ min: 0, max: 0xffffffff }), { nil: undefined });

    it('is sealed and opened as node:crypto does it, packet after packet', () => {
      fc.assert(
        fc.property(inputs, fc.array(high, { minLength: 1, maxLength: 4 }), (input, highs) => {
          const { memory, keys, args } = layout(provider, suite, { ...input, aadBytes: 8 });
          const cipher = closable(provider.createCipher(suite, keys));
          const node = createNodeProvider().createCipher(suite, keys);
          for (const sequenceHigh of highs) {
            const ours = memory.slice();
            const theirs = memory.slice();
            cipher.seal(ours, ...args, sequenceHigh);
            node.seal(theirs, ...args, sequenceHigh);
            expect(ours).toEqual(theirs);
            const another = ((sequenceHigh ?? 0) + 1) >>> 0;
            expect(cipher.open(theirs.slice(), ...args, another)).toBe(false);
            expect(cipher.open(theirs, ...args, sequenceHigh)).toBe(true);
            const plainEnd = args[3] + args[4];
            expect(theirs.subarray(0, plainEnd)).toEqual(memory.subarray(0, plainEnd));
          }
          cipher.close();
        }),
        { numRuns: 8 },
      );
    });
  },
);

describe
  .runIf(openssl !== undefined)
  .each([...suites, ...implicitSuites].map((suite) => [label(suite), suite] as const))(
  '%s, with IVs that count (RFC 4106 §3.1)',
  (_, suite) => {
    const provider = openssl as CryptoProvider;
    const steps = fc.array(fc.constantFrom(1n, 1n, 1n, 0n, 2n, 255n, 1n << 32n, -1n), {
      minLength: 1,
      maxLength: 24,
    });
    const firsts = fc.constantFrom(0n, 1n, 254n, (1n << 32n) - 2n, (1n << 64n) - 3n);

    it('is sealed as node:crypto does it, whether the next IV follows, repeats or jumps, and a wrong packet between', () => {
      fc.assert(
        fc.property(inputs, firsts, steps, (input, first, jumps) => {
          const { memory, keys, args } = layout(provider, suite, { ...input, aadBytes: 8 });
          const cipher = closable(provider.createCipher(suite, keys));
          const node = createNodeProvider().createCipher(suite, keys);
          const [header, , iv, text] = args;
          let counter = first;
          for (const jump of jumps) {
            counter = BigInt.asUintN(64, counter + jump);
            // The sequence number of the header, and the IV where one is sent.
            new DataView(memory.buffer).setUint32(header + 4, Number(counter & 0xffff_ffffn));
            if (text - iv >= 8) new DataView(memory.buffer).setBigUint64(text - 8, counter);
            const ours = memory.slice();
            const theirs = memory.slice();
            cipher.seal(ours, ...args);
            node.seal(theirs, ...args);
            expect(ours).toEqual(theirs);
            theirs[header] = (theirs[header] ?? 0) ^ 1;
            expect(cipher.open(theirs, ...args)).toBe(false);
            expect(cipher.open(ours, ...args)).toBe(true);
          }
          cipher.close();
        }),
        { numRuns: 6 },
      );
    });
  },
);
