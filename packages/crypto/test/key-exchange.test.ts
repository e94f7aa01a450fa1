import { checkPrimeSync } from 'node:crypto';
import { createSeededRandom, Ke, type KeyAgreement, type RandomSource } from '@ipsec-kit/crypto';
import { shake128 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MODP_1024_GROUP,
  MODP_2048_GROUP,
  MODP_3072_GROUP,
  MODP_4096_GROUP,
  MODP_6144_GROUP,
  MODP_8192_GROUP,
} from '../src/modp-groups.ts';
import { hex, toHex } from './hex.ts';
import { providers } from './providers.ts';
import { ecpExamples } from './vectors/ecp-examples.ts';
import { mlKemRuns } from './vectors/ml-kem-runs.ts';

/** A source that gives the bytes of one private key. */
function fixed(bytes: string): RandomSource {
  return { fill: (target) => target.set(hex(bytes)) };
}

function shared(agreement: KeyAgreement): string {
  if (!agreement.ok) throw new Error(`refused: ${agreement.code}`);
  return toHex(agreement.sharedSecret.reveal());
}

const big = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);
const bytesOf = (value: bigint, length: number): Uint8Array =>
  hex(value.toString(16).padStart(2 * length, '0'));

const modpGroups = [
  { method: Ke.MODP_1024, group: MODP_1024_GROUP, bytes: 128 },
  { method: Ke.MODP_2048, group: MODP_2048_GROUP, bytes: 256 },
  { method: Ke.MODP_3072, group: MODP_3072_GROUP, bytes: 384 },
  { method: Ke.MODP_4096, group: MODP_4096_GROUP, bytes: 512 },
  { method: Ke.MODP_6144, group: MODP_6144_GROUP, bytes: 768 },
  { method: Ke.MODP_8192, group: MODP_8192_GROUP, bytes: 1024 },
];
const curves = [
  { method: Ke.ECP_256, bytes: 64 },
  { method: Ke.ECP_384, bytes: 96 },
  { method: Ke.ECP_521, bytes: 132 },
];

/** The prime of Curve448. */
const P448 = 2n ** 448n - 2n ** 224n - 1n;

/** The two points of order 8. */
const LOW_ORDER: readonly bigint[] = [
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
];

describe('the MODP groups (RFC 3526 §3-§7, RFC 7296 Appendix B.2)', () => {
  /** floor(2^bits * pi) by Machin's formula, with guard bits. */
  function scaledPi(bits: number): bigint {
    const one = 1n << BigInt(bits + 64);
    const arctan = (inverse: bigint): bigint => {
      let sum = 0n;
      let power = one / inverse;
      for (let n = 1n; power > 0n; n += 2n) {
        sum += n % 4n === 1n ? power / n : -(power / n);
        power /= inverse * inverse;
      }
      return sum;
    };
    return (4n * (4n * arctan(5n) - arctan(239n))) >> 64n;
  }

  it.each([
    { bits: 1024, group: MODP_1024_GROUP, piBits: 894, added: 129093n },
    { bits: 2048, group: MODP_2048_GROUP, piBits: 1918, added: 124476n },
    { bits: 3072, group: MODP_3072_GROUP, piBits: 2942, added: 1690314n },
    { bits: 4096, group: MODP_4096_GROUP, piBits: 3966, added: 240904n },
    { bits: 6144, group: MODP_6144_GROUP, piBits: 6014, added: 929484n },
    { bits: 8192, group: MODP_8192_GROUP, piBits: 8062, added: 4743158n },
  ])(
    'have the prime that the formula of the $bits-bit group gives',
    ({ bits, group, piBits, added }) => {
      const n = BigInt(bits);
      const formula = (1n << n) - (1n << (n - 64n)) - 1n + (1n << 64n) * (scaledPi(piBits) + added);
      expect(big(group.prime)).toBe(formula);
    },
  );

  it('is a safe prime', () => {
    const prime = big(MODP_2048_GROUP.prime);
    expect(checkPrimeSync(prime, { checks: 4 })).toBe(true);
    expect(checkPrimeSync((prime - 1n) / 2n, { checks: 4 })).toBe(true);
  });
});

describe.each(providers.map((provider) => [provider.name, provider] as const))(
  '%s',
  (_, provider) => {
    it.each(ecpExamples)('computes the example of $name (RFC 5903 §8)', async (example) => {
      const method = Ke[example.name];
      const initiator = await provider.generate(method, fixed(example.initiatorPrivate));
      const responder = await provider.generate(method, fixed(example.responderPrivate));
      expect(toHex(initiator.publicValue)).toBe(example.initiatorPublic);
      expect(toHex(responder.publicValue)).toBe(example.responderPublic);
      expect(shared(await provider.agree(initiator, responder.publicValue))).toBe(example.shared);
      expect(shared(await provider.agree(responder, initiator.publicValue))).toBe(example.shared);
    });

    it('computes the example of X25519 (RFC 7748 §6.1, RFC 8031 §2)', async () => {
      const a = '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a';
      const b = '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb';
      const alice = await provider.generate(Ke.CURVE25519, fixed(a));
      const bob = await provider.generate(Ke.CURVE25519, fixed(b));
      expect(toHex(alice.publicValue)).toBe(
        '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
      );
      expect(toHex(bob.publicValue)).toBe(
        'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
      );
      const secret = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';
      expect(shared(await provider.agree(alice, bob.publicValue))).toBe(secret);
      expect(shared(await provider.agree(bob, alice.publicValue))).toBe(secret);
    });

    it('computes the example of X448 (RFC 7748 §6.2, RFC 8031 §2)', async () => {
      const alice = await provider.generate(
        Ke.CURVE448,
        fixed(`9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28d
          d9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b`),
      );
      const bob = await provider.generate(
        Ke.CURVE448,
        fixed(`1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d
          6927c120bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d`),
      );
      expect(toHex(alice.publicValue)).toBe(
        '9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0',
      );
      expect(toHex(bob.publicValue)).toBe(
        '3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609',
      );
      const secret =
        '07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d59a449a5037514a879d';
      expect(shared(await provider.agree(alice, bob.publicValue))).toBe(secret);
      expect(shared(await provider.agree(bob, alice.publicValue))).toBe(secret);
    });

    it.each([0n, 1n, P448 - 1n, P448, P448 + 1n])(
      'refuses the X448 point of small order %s (RFC 8031 §3, RFC 7748 §6.2)',
      async (u) => {
        const secret = await provider.generate(Ke.CURVE448, createSeededRandom(1));
        const littleEndian = bytesOf(u, 56).toReversed();
        expect(await provider.agree(secret, littleEndian)).toEqual({ ok: false, code: 'all-zero' });
      },
    );

    it.each(Object.entries(Ke).filter(([name]) => !name.startsWith('MODP_')))(
      'responds in one step with %s',
      async (_name, method) => {
        const initiator = await provider.generate(method, createSeededRandom('i'));
        const response = await provider.respond(
          method,
          initiator.publicValue,
          createSeededRandom('r'),
        );
        if (!response.ok) throw new Error(`refused: ${response.code}`);
        expect(initiator.publicValue).toHaveLength(provider.keyExchangePublicBytes(method) ?? 0);
        expect(response.publicValue).toHaveLength(
          provider.keyExchangePublicBytes(method, 'responder') ?? 0,
        );
        expect(shared(await provider.agree(initiator, response.publicValue))).toBe(
          toHex(response.sharedSecret.reveal()),
        );
        expect(await provider.respond(method, new Uint8Array(33), createSeededRandom('r'))).toEqual(
          { ok: false, code: 'bad-length' },
        );
      },
    );

    it('responds with a MODP group, and refuses what agree refuses (RFC 6989 §2.1)', async () => {
      const initiator = await provider.generate(Ke.MODP_2048, createSeededRandom('i'));
      const random = createSeededRandom('r');
      const response = await provider.respond(Ke.MODP_2048, initiator.publicValue, random);
      if (!response.ok) throw new Error(`refused: ${response.code}`);
      expect(shared(await provider.agree(initiator, response.publicValue))).toBe(
        toHex(response.sharedSecret.reveal()),
      );
      expect(await provider.respond(Ke.MODP_2048, bytesOf(1n, 256), random)).toEqual({
        ok: false,
        code: 'small-subgroup',
      });
    });

    it.each(mlKemRuns)('computes the runs of $name (FIPS 203 §7)', async ({ name, hash }) => {
      const method = Ke[name];
      const input = shake128.create({});
      const output = shake128.create({});
      const source = { fill: (target: Uint8Array) => target.set(input.xof(target.length)) };
      for (let run = 0; run < 100; run += 1) {
        const initiator = await provider.generate(method, source);
        const response = await provider.respond(method, initiator.publicValue, source);
        if (!response.ok) throw new Error(`refused: ${response.code}`);
        const secret = response.sharedSecret.reveal();
        output.update(initiator.publicValue).update(response.publicValue).update(secret);
        expect(shared(await provider.agree(initiator, response.publicValue))).toBe(toHex(secret));
        const forged = input.xof(response.publicValue.length);
        output.update(hex(shared(await provider.agree(initiator, forged))));
      }
      expect(toHex(output.xof(32))).toBe(hash);
    });

    it.each(mlKemRuns)(
      'refuses a key of $name that is not reduced modulo q (FIPS 203 §7.2)',
      async ({ name }) => {
        const { publicValue } = await provider.generate(Ke[name], createSeededRandom(9));
        for (const coefficient of [3329, 4095]) {
          const forged = publicValue.slice();
          forged[0] = coefficient & 0xff;
          forged[1] = ((forged[1] ?? 0) & 0xf0) | (coefficient >> 8);
          expect(await provider.respond(Ke[name], forged, createSeededRandom(1))).toEqual({
            ok: false,
            code: 'invalid-key',
          });
        }
      },
    );

    it('gives another secret for a forged ciphertext of ML-KEM (FIPS 203 §6.3)', async () => {
      const initiator = await provider.generate(Ke.ML_KEM_768, createSeededRandom('i'));
      const random = createSeededRandom('r');
      const response = await provider.respond(Ke.ML_KEM_768, initiator.publicValue, random);
      if (!response.ok) throw new Error(`refused: ${response.code}`);
      for (const at of [0, 959, 960, 1087]) {
        const forged = response.publicValue.slice();
        forged[at] = (forged[at] ?? 0) ^ 1;
        const secret = shared(await provider.agree(initiator, forged));
        expect(secret).toHaveLength(64);
        expect(secret).not.toBe(toHex(response.sharedSecret.reveal()));
      }
    });

    it('masks the unused bit of an X25519 public value (RFC 7748 §5.2)', async () => {
      const scalar = '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d';
      const secret = await provider.generate(Ke.CURVE25519, fixed(scalar));
      const peer = hex('e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493');
      expect(shared(await provider.agree(secret, peer))).toBe(
        '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
      );
    });

    it.each([0n, 1n, 2n ** 255n - 20n, 2n ** 255n - 19n, 2n ** 255n - 18n, ...LOW_ORDER])(
      'refuses the X25519 point of small order %s (RFC 8031 §3, RFC 7748 §6.1)',
      async (u) => {
        const secret = await provider.generate(Ke.CURVE25519, createSeededRandom(1));
        const littleEndian = bytesOf(u, 32).toReversed();
        expect(await provider.agree(secret, littleEndian)).toEqual({ ok: false, code: 'all-zero' });
      },
    );

    it.each(modpGroups)(
      'raises 2 to a small exponent in group $method',
      async ({ method, bytes }) => {
        const two = await provider.generate(
          method,
          fixed('0a'.padStart(exponentDigits(method), '0')),
        );
        expect(big(two.publicValue)).toBe(1024n);
        const peer = bytesOf(3n, bytes);
        const secret = await provider.agree(two, peer);
        // Padded to the length of the modulus (RFC 7296 §2.14).
        expect(shared(secret)).toBe(toHex(bytesOf(3n ** 10n, bytes)));
      },
    );

    it.each(modpGroups)(
      'takes public values of group $method in 1 < y < p - 1 only (RFC 6989 §2.1)',
      async ({ method, group, bytes }) => {
        const secret = await provider.generate(method, createSeededRandom(2));
        const prime = big(group.prime);
        const agree = (value: bigint) => provider.agree(secret, bytesOf(value, bytes));
        for (const value of [0n, 1n, prime - 1n]) {
          expect(await agree(value)).toEqual({ ok: false, code: 'small-subgroup' });
        }
        for (const value of [prime, prime + 3n, (1n << BigInt(8 * bytes)) - 1n]) {
          expect(await agree(value)).toEqual({ ok: false, code: 'invalid-point' });
        }
        for (const value of [2n, 256n, 257n, prime - 2n]) {
          expect(await agree(value)).toMatchObject({ ok: true });
        }
      },
    );

    it.each(curves)(
      'refuses points of group $method that are not on the curve (RFC 6989 §2.3)',
      async ({ method, bytes }) => {
        const secret = await provider.generate(method, createSeededRandom(3));
        const peer = await provider.generate(method, createSeededRandom(4));
        const refusal = { ok: false, code: 'invalid-point' };
        expect(await provider.agree(secret, new Uint8Array(bytes))).toEqual(refusal);
        expect(await provider.agree(secret, new Uint8Array(bytes).fill(0xff))).toEqual(refusal);
        for (const at of [0, bytes / 2 - 1, bytes / 2, bytes - 1]) {
          const forged = peer.publicValue.slice();
          forged[at] = (forged[at] ?? 0) ^ 1;
          expect(await provider.agree(secret, forged)).toEqual(refusal);
        }
        // The secret is still good for an honest answer (RFC 6989 §2.5: a forged one may be ignored).
        expect(await provider.agree(secret, peer.publicValue)).toMatchObject({ ok: true });
      },
    );

    it.each(Object.entries(Ke))(
      'refuses public values of another length in %s (RFC 7296 §3.4)',
      async (_name, method) => {
        const secret = await provider.generate(method, createSeededRandom(5));
        const right = provider.keyExchangePublicBytes(method, 'responder') ?? 0;
        for (const length of [0, 1, right - 1, right + 1, 2 * right]) {
          const refusal = { ok: false, code: 'bad-length' };
          expect(await provider.agree(secret, new Uint8Array(length).fill(5))).toEqual(refusal);
        }
      },
    );

    it('never throws on public values of any content', async () => {
      const secrets = await Promise.all(
        Object.values(Ke)
          .filter((method) => method !== Ke.MODP_6144 && method !== Ke.MODP_8192)
          .map((method) => provider.generate(method, createSeededRandom(6))),
      );
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...secrets),
          fc.uint8Array({ minLength: 1568, maxLength: 1568 }),
          async (secret, bytes) => {
            const agreement = await provider.agree(
              secret,
              bytes.slice(0, provider.keyExchangePublicBytes(secret.method, 'responder')),
            );
            expect(typeof agreement.ok).toBe('boolean');
          },
        ),
        { numRuns: 25 },
      );
    });

    it('keeps the private half out of sight', async () => {
      for (const method of Object.values(Ke)) {
        const secret = await provider.generate(method, createSeededRandom(7));
        expect(Object.keys(secret).toSorted()).toEqual(['method', 'publicValue']);
      }
    });

    it('reports a source that is not random instead of drawing for ever', () => {
      for (const method of Object.values(Ke)) {
        expect(() => provider.generate(method, { fill: (target) => target.fill(0) })).toThrow(
          'it is not random',
        );
      }
      const ones: RandomSource = { fill: (target) => target.fill(0xff) };
      expect(() => provider.generate(Ke.ECP_256, ones)).toThrow('it is not random');
    });

    it('throws on a method that it does not provide, and on secrets of others', () => {
      expect(provider.keyExchangePublicBytes(99)).toBeUndefined();
      expect(() => provider.generate(99, createSeededRandom(8))).toThrow('"method" expected');
      const foreign = { method: Ke.CURVE25519, publicValue: new Uint8Array(32) };
      expect(() => provider.agree(foreign, new Uint8Array(32))).toThrow('"secret" expected');
    });
  },
);

function exponentDigits(method: number): number {
  return 2 * (modpGroups.find((entry) => entry.method === method)?.group.exponentBytes ?? 0);
}
