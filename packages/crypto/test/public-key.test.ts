import { generateKeyPairSync } from 'node:crypto';
import { DerTag, readPublicKey, writeDer } from '@ipsec-kit/crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex } from './hex.ts';

const spkiOf = (keys: { publicKey: import('node:crypto').KeyObject }): Uint8Array =>
  Uint8Array.from(keys.publicKey.export({ format: 'der', type: 'spki' }));

const samples = [
  { spki: spkiOf(generateKeyPairSync('rsa', { modulusLength: 2048 })), kind: 'rsa', bits: 2048 },
  { spki: spkiOf(generateKeyPairSync('rsa', { modulusLength: 1031 })), kind: 'rsa', bits: 1031 },
  { spki: spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-256' })), kind: 'ecdsa', bits: 256 },
  { spki: spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-384' })), kind: 'ecdsa', bits: 384 },
  { spki: spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-521' })), kind: 'ecdsa', bits: 521 },
  { spki: spkiOf(generateKeyPairSync('ed25519')), kind: 'ed25519', bits: 256 },
  { spki: spkiOf(generateKeyPairSync('ed448')), kind: 'ed448', bits: 456 },
];

function rsaKey(modulus: string, exponent: string): Uint8Array {
  const integer = (digits: string): Uint8Array => writeDer(DerTag.INTEGER, hex(digits));
  return writeDer(
    DerTag.SEQUENCE,
    hex('300d06092a864886f70d0101010500'),
    writeDer(
      DerTag.BIT_STRING,
      Uint8Array.of(0),
      writeDer(DerTag.SEQUENCE, integer(modulus), integer(exponent)),
    ),
  );
}

describe('readPublicKey (RFC 5280 §4.1.2.7)', () => {
  it.each(samples)('reads a key of $kind with $bits bits', ({ spki, kind, bits }) => {
    const result = readPublicKey(spki);
    expect(result).toMatchObject({ ok: true, key: { kind, bits } });
  });

  it.each(samples)('refuses a key of $kind that is cut off anywhere', ({ spki }) => {
    for (let length = 0; length < spki.length; length += 1) {
      expect(readPublicKey(spki.subarray(0, length)).ok).toBe(false);
    }
    expect(readPublicKey(Uint8Array.from([...spki, 0])).ok).toBe(false);
  });

  it('never throws, whatever one byte is changed to', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        ({ spki }, at, byte) => {
          const changed = spki.slice();
          changed[at % changed.length] = byte;
          expect(typeof readPublicKey(changed).ok).toBe('boolean');
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('refuses RSA numbers that no honest key has', () => {
    const modulus = `00${'c5'.repeat(256)}`;
    expect(readPublicKey(rsaKey(modulus, '010001')).ok).toBe(true);
    const refusals = [
      [modulus, '01'],
      [modulus, '02'],
      [modulus, '010000'],
      [modulus, '00'.repeat(1) + 'ff'.repeat(9)],
      [`00${'c5'.repeat(255)}c4`, '010001'],
      [`00${'c5'.repeat(64)}`, '010001'],
    ] as const;
    for (const [n, e] of refusals) {
      expect(readPublicKey(rsaKey(n, e))).toEqual({ ok: false, code: 'out-of-bounds' });
    }
    expect(readPublicKey(rsaKey('c5'.repeat(256), '010001'))).toEqual({
      ok: false,
      code: 'malformed',
    });
    expect(readPublicKey(new Uint8Array(10_000_000))).toEqual({ ok: false, code: 'out-of-bounds' });
  });

  it('refuses curves that are not named, compressed points and unknown algorithms', () => {
    const point = `0342000${4}${'11'.repeat(64)}`;
    const key = (algorithm: string): Uint8Array =>
      writeDer(DerTag.SEQUENCE, hex(algorithm + point));
    expect(readPublicKey(key('301306072a8648ce3d020106082a8648ce3d030107')).ok).toBe(true);
    for (const algorithm of [
      // Parameters spelled out, absent, an unknown curve, id-dsa.
      '300d06072a8648ce3d02013002 0101',
      '300906072a8648ce3d0201',
      '301006072a8648ce3d020106052b8104000a',
      '300906072a8648ce380401',
    ]) {
      expect(readPublicKey(key(algorithm))).toEqual({ ok: false, code: 'unsupported' });
    }
    const compressed = hex(
      `3039301306072a8648ce3d020106082a8648ce3d030107032200 02${'11'.repeat(32)}`,
    );
    expect(readPublicKey(compressed)).toEqual({ ok: false, code: 'unsupported' });
  });
});
