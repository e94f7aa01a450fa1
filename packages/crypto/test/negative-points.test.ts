import { createSeededRandom, Ke } from '@ipsec-kit/crypto';
import { describe, expect, it } from 'vitest';
import { hex } from './hex.ts';
import { providers } from './providers.ts';

const power = (base: bigint, exponent: bigint, modulus: bigint): bigint => {
  let result = 1n;
  for (let b = base % modulus, e = exponent; e > 0n; e >>= 1n, b = (b * b) % modulus) {
    if (e & 1n) result = (result * b) % modulus;
  }
  return result;
};
const bytesOf = (value: bigint, bytes: number): Uint8Array =>
  hex(value.toString(16).padStart(2 * bytes, '0'));

/** Prime and b of the curves; all primes are 3 modulo 4. @see RFC 5903 §3 */
const CURVES = [
  {
    method: Ke.ECP_256,
    bytes: 32,
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  },
  {
    method: Ke.ECP_384,
    bytes: 48,
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  },
  {
    method: Ke.ECP_521,
    bytes: 66,
    p: 2n ** 521n - 1n,
    b: 0x51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
  },
] as const;

describe.each(providers.map((provider) => [provider.name, provider] as const))(
  'points that are not what they look like, to %s',
  (_, provider) => {
    it.each(CURVES)('are refused in group $method (RFC 6989 §2.3, RFC 5903 §7)', async (curve) => {
      const { method, bytes, p, b } = curve;
      const secret = await provider.generate(method, createSeededRandom(1));
      const agree = (x: bigint, y: bigint) =>
        provider.agree(secret, Uint8Array.from([...bytesOf(x, bytes), ...bytesOf(y, bytes)]));
      const refused = { ok: false, code: 'invalid-point' };
      // x = 0 is on each of the curves.
      const y = power(b, (p + 1n) / 4n, p);
      expect((y * y - b) % p).toBe(0n);
      expect(await agree(0n, y)).toMatchObject({ ok: true });
      expect(await agree(0n, p - y)).toMatchObject({ ok: true });
      // The same point with a coordinate that is not reduced, a neighbour, one of the twist, and none at all.
      expect(await agree(p, y)).toEqual(refused);
      expect(await agree(0n, y + 1n)).toEqual(refused);
      expect(await agree(p, p - y)).toEqual(refused);
      expect(await agree(y, 0n)).toEqual(refused);
      expect(await agree(0n, 0n)).toEqual(refused);
      expect(await agree(p - 1n, p - 1n)).toEqual(refused);
    });
  },
);
