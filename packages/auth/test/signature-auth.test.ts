import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  DEFAULT_SIGNATURE_POLICY,
  encodeSignatureAuth,
  planSignatures,
  readSignatureAuth,
  type SignaturePlan,
  type SignaturePolicy,
  signatureHashes,
  verifySignature,
} from '@ipsec-kit/auth';
import {
  KeyMaterial,
  type PublicKeyInfo,
  readPublicKey,
  type SignatureProvider,
  type SigningKey,
} from '@ipsec-kit/crypto';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const provider = createNodeSignatures();
const OCTETS = Uint8Array.from(Buffer.from('what both ends signed'));
const STRICT = DEFAULT_SIGNATURE_POLICY;
const LEGACY: SignaturePolicy = { ...STRICT, acceptSha1: true };
const ALL = [1, 2, 3, 4, 5];

function keyOf(pair: { publicKey: KeyObject; privateKey: KeyObject }): SigningKey {
  const pkcs8 = Uint8Array.from(pair.privateKey.export({ format: 'der', type: 'pkcs8' }));
  const result = provider.importPrivateKey(new KeyMaterial(pkcs8));
  if (!result.ok) throw new Error(result.code);
  return result.key;
}

const keys = {
  rsa: keyOf(generateKeyPairSync('rsa', { modulusLength: 2048 })),
  rsa1024: keyOf(generateKeyPairSync('rsa', { modulusLength: 1024 })),
  p256: keyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  p384: keyOf(generateKeyPairSync('ec', { namedCurve: 'P-384' })),
  p521: keyOf(generateKeyPairSync('ec', { namedCurve: 'P-521' })),
  ed25519: keyOf(generateKeyPairSync('ed25519')),
  ed448: keyOf(generateKeyPairSync('ed448')),
};

const short = (plans: readonly SignaturePlan[]): readonly string[] =>
  plans.map(({ method, algorithm }) =>
    [method, algorithm.kind, 'hash' in algorithm ? algorithm.hash : ''].join(' ').trim(),
  );

describe('planSignatures (RFC 7427 §3, §4)', () => {
  it('takes the hash that fits the key first, and PSS before PKCS #1 (RFC 8247 §3.2)', () => {
    expect(short(planSignatures(keys.rsa.info, [4, 3, 2], STRICT))).toEqual([
      '14 rsa-pss sha256',
      '14 rsa-pss sha384',
      '14 rsa-pss sha512',
      '14 rsa-pkcs1 sha256',
      '14 rsa-pkcs1 sha384',
      '14 rsa-pkcs1 sha512',
    ]);
    const large: PublicKeyInfo = { kind: 'rsa', bits: 4096, pssOnly: false };
    expect(short(planSignatures(large, [2, 3, 4], STRICT))[0]).toBe('14 rsa-pss sha384');
    const pkcs1 = { ...STRICT, rsaPadding: 'pkcs1' } as const;
    expect(short(planSignatures(keys.rsa.info, [2], pkcs1))).toEqual([
      '14 rsa-pkcs1 sha256',
      '14 rsa-pss sha256',
    ]);
    expect(short(planSignatures(keys.p384.info, ALL, STRICT))).toEqual([
      '14 ecdsa sha384',
      '14 ecdsa sha512',
      '14 ecdsa sha256',
    ]);
    expect(short(planSignatures(keys.p521.info, [2, 3], STRICT))).toEqual([
      '14 ecdsa sha384',
      '14 ecdsa sha256',
    ]);
  });

  it('uses no other padding with a key for PSS alone (RFC 4055 §1.2)', () => {
    const bound: PublicKeyInfo = { kind: 'rsa', bits: 2048, pssOnly: true };
    expect(short(planSignatures(bound, [2], STRICT))).toEqual(['14 rsa-pss sha256']);
    expect(planSignatures(bound, undefined, STRICT)).toEqual([]);
  });

  it('needs the hash Identity of the peer for EdDSA (RFC 8420 §2)', () => {
    expect(short(planSignatures(keys.ed25519.info, ALL, STRICT))).toEqual(['14 ed25519']);
    expect(planSignatures(keys.ed25519.info, [1, 2, 3, 4], STRICT)).toEqual([]);
    expect(planSignatures(keys.ed448.info, undefined, STRICT)).toEqual([]);
  });

  it('uses SHA-1 when the policy has it and the peer has nothing better, and never before', () => {
    for (const key of [keys.rsa.info, keys.p256.info]) {
      expect(planSignatures(key, [1], STRICT)).toEqual([]);
      expect(short(planSignatures(key, [1], LEGACY))[0]).toMatch(/sha1$/);
      for (const better of [2, 3, 4]) {
        const plans = short(planSignatures(key, [1, better], LEGACY));
        const first = plans.findIndex((plan) => plan.endsWith('sha1'));
        expect(first).toBeGreaterThan(0);
        expect(plans.slice(first).every((plan) => plan.endsWith('sha1'))).toBe(true);
      }
    }
  });

  it('falls back to the old methods for a peer that announces no hashes', () => {
    expect(short(planSignatures(keys.rsa.info, undefined, STRICT))).toEqual(['1 rsa-pkcs1 sha256']);
    expect(short(planSignatures(keys.rsa.info, undefined, LEGACY))).toEqual([
      '1 rsa-pkcs1 sha1',
      '1 rsa-pkcs1 sha256',
    ]);
    expect(short(planSignatures(keys.p256.info, undefined, STRICT))).toEqual(['9 ecdsa sha256']);
    expect(short(planSignatures(keys.p384.info, undefined, STRICT))).toEqual(['10 ecdsa sha384']);
    expect(short(planSignatures(keys.p521.info, undefined, STRICT))).toEqual(['11 ecdsa sha512']);
  });

  it('has nothing for an RSA key that is too short', () => {
    expect(planSignatures(keys.rsa1024.info, ALL, STRICT)).toEqual([]);
    const lax = { ...STRICT, minimumRsaBits: 1024 };
    expect(short(planSignatures(keys.rsa1024.info, [2], lax))[0]).toBe('14 rsa-pss sha256');
  });
});

describe('an AUTH payload with a signature', () => {
  const cases = Object.entries(keys)
    .filter(([name]) => name !== 'rsa1024')
    .flatMap(([name, key]) =>
      [ALL, undefined].flatMap((hashes) =>
        planSignatures(key.info, hashes, LEGACY).map((plan) => ({ name, key, plan })),
      ),
    );

  it('verifies as it was made, with every key, method and algorithm', async () => {
    expect(cases.length).toBe(27);
    for (const { key, plan } of cases) {
      const signature = await key.sign(plan.algorithm, OCTETS);
      const data = encodeSignatureAuth(plan, signature);
      const read = readSignatureAuth(plan.method, data, key.info, LEGACY);
      if (!read.ok) throw new Error(read.code);
      const check = { ...read, publicKey: key.publicKey, message: OCTETS };
      expect(await verifySignature(provider, check), JSON.stringify(plan)).toBe(true);
      const other = { ...check, message: OCTETS.slice(1) };
      expect(await verifySignature(provider, other)).toBe(false);
    }
  });

  it('is refused for a key of another family, curve or strength', async () => {
    for (const { key, plan, name } of cases) {
      const data = encodeSignatureAuth(plan, await key.sign(plan.algorithm, OCTETS));
      for (const [otherName, other] of Object.entries(keys)) {
        if (otherName === name) continue;
        const read = readSignatureAuth(plan.method, data, other.info, LEGACY);
        if (otherName === 'rsa1024') {
          expect(read).toEqual({ ok: false, code: 'weak-key' });
        } else if (other.info.kind !== key.info.kind || plan.method !== 14) {
          expect(read).toEqual({ ok: false, code: 'wrong-key' });
        } else {
          if (!read.ok) throw new Error(read.code);
          const check = { ...read, publicKey: other.publicKey, message: OCTETS };
          expect(await verifySignature(provider, check)).toBe(false);
        }
      }
    }
  });

  it('is refused with SHA-1, unless the policy has it (RFC 8247 §3.2)', async () => {
    for (const { key, plan } of cases) {
      if (!('hash' in plan.algorithm) || plan.algorithm.hash !== 'sha1') continue;
      const data = encodeSignatureAuth(plan, await key.sign(plan.algorithm, OCTETS));
      const read = readSignatureAuth(plan.method, data, key.info, STRICT);
      if (plan.method === 14) {
        expect(read).toEqual({ ok: false, code: 'weak-hash' });
      } else {
        if (!read.ok) throw new Error(read.code);
        const check = { ...read, publicKey: key.publicKey, message: OCTETS };
        expect(await verifySignature(provider, check)).toBe(false);
      }
    }
  });

  it.each([
    [14, '', 'malformed'],
    [14, '07300506032b6570', 'malformed'],
    [14, 'ff300506032b6570aa', 'malformed'],
    [14, '00aa', 'unsupported-algorithm'],
    [14, '0d300b0609608648016503040302aa', 'unsupported-algorithm'],
    [9, '00', 'malformed'],
    [3, '00', 'unsupported-method'],
    [2, '00', 'unsupported-method'],
    [13, '', 'unsupported-method'],
    [99, '00', 'unsupported-method'],
  ])('is refused as method %d with data %s: %s', (method, data, code) => {
    const bytes = Uint8Array.from(Buffer.from(data, 'hex'));
    expect(readSignatureAuth(method, bytes, keys.p256.info, STRICT)).toEqual({ ok: false, code });
  });

  it('never throws, whatever its data is', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 9, 10, 11, 14),
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom(...Object.values(keys)),
        (method, data, key) => {
          expect(typeof readSignatureAuth(method, data, key.info, LEGACY).ok).toBe('boolean');
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is signed and verified elsewhere too, by promise', async () => {
    const remote: SignatureProvider = {
      ...provider,
      verify: async (check) => provider.verify(check),
    };
    const hsm: SigningKey = {
      ...keys.rsa,
      sign: async (algorithm, message) => keys.rsa.sign(algorithm, message),
    };
    const [plan] = planSignatures(hsm.info, undefined, LEGACY);
    if (plan === undefined) throw new Error('no plan');
    const data = encodeSignatureAuth(plan, await hsm.sign(plan.algorithm, OCTETS));
    const read = readSignatureAuth(plan.method, data, hsm.info, LEGACY);
    if (!read.ok) throw new Error(read.code);
    // Method 1 does not name its hash: SHA-1 is the last that is tried.
    expect(read.candidates.map((candidate) => 'hash' in candidate && candidate.hash)).toEqual([
      'sha256',
      'sha384',
      'sha512',
      'sha1',
    ]);
    const check = { ...read, publicKey: hsm.publicKey, message: OCTETS };
    expect(await verifySignature(remote, check)).toBe(true);
  });

  it('announces what it accepts', () => {
    expect(signatureHashes(STRICT)).toEqual([2, 3, 4, 5]);
    expect(signatureHashes(LEGACY)).toEqual([2, 3, 4, 5, 1]);
    expect(readPublicKey(keys.rsa.publicKey)).toEqual({ ok: true, key: keys.rsa.info });
  });
});
