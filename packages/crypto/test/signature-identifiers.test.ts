import {
  decodeSignatureAlgorithm,
  encodeSignatureAlgorithm,
  type SignatureAlgorithm,
} from '@ipsec-kit/crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex } from './hex.ts';

const examples: readonly { section: string; algorithm: SignatureAlgorithm; der: string }[] = [
  {
    section: 'A.1.1',
    algorithm: { kind: 'rsa-pkcs1', hash: 'sha1' },
    der: '300d 0609 2a86 4886 f70d 0101 0505 00',
  },
  {
    section: 'A.1.2',
    algorithm: { kind: 'rsa-pkcs1', hash: 'sha256' },
    der: '300d 0609 2a86 4886 f70d 0101 0b05 00',
  },
  {
    section: 'A.1.3',
    algorithm: { kind: 'rsa-pkcs1', hash: 'sha384' },
    der: '300d 0609 2a86 4886 f70d 0101 0c05 00',
  },
  {
    section: 'A.1.4',
    algorithm: { kind: 'rsa-pkcs1', hash: 'sha512' },
    der: '300d 0609 2a86 4886 f70d 0101 0d05 00',
  },
  {
    section: 'A.3.1',
    algorithm: { kind: 'ecdsa', hash: 'sha1', format: 'der' },
    der: '3009 0607 2a86 48ce 3d04 01',
  },
  {
    section: 'A.3.2',
    algorithm: { kind: 'ecdsa', hash: 'sha256', format: 'der' },
    der: '300a 0608 2a86 48ce 3d04 0302',
  },
  {
    section: 'A.3.3',
    algorithm: { kind: 'ecdsa', hash: 'sha384', format: 'der' },
    der: '300a 0608 2a86 48ce 3d04 0303',
  },
  {
    section: 'A.3.4',
    algorithm: { kind: 'ecdsa', hash: 'sha512', format: 'der' },
    der: '300a 0608 2a86 48ce 3d04 0304',
  },
  {
    section: 'A.4.2',
    algorithm: { kind: 'rsa-pss', hash: 'sha1', saltBytes: 20 },
    der: `303e 0609 2a86 4886 f70d 0101 0a30 31a0 0b30 0906 052b 0e03 021a 0500 a118 3016
      0609 2a86 4886 f70d 0101 0830 0906 052b 0e03 021a 0500 a203 0201 14a3 0302 0101`,
  },
  {
    section: 'A.4.3',
    algorithm: { kind: 'rsa-pss', hash: 'sha256', saltBytes: 32 },
    der: `3046 0609 2a86 4886 f70d 0101 0a30 39a0 0f30 0d06 0960 8648 0165 0304 0201 0500
      a11c 301a 0609 2a86 4886 f70d 0101 0830 0d06 0960 8648 0165 0304 0201 0500 a203
      0201 20a3 0302 0101`,
  },
];

describe('encodeSignatureAlgorithm', () => {
  it.each(examples)('writes the example of §$section (RFC 7427 Appendix A)', (example) => {
    expect(encodeSignatureAlgorithm(example.algorithm)).toEqual(hex(example.der));
    expect(decodeSignatureAlgorithm(hex(example.der))).toEqual(example.algorithm);
  });

  it('writes Ed25519 and Ed448 without parameters (RFC 8420 §2)', () => {
    expect(encodeSignatureAlgorithm({ kind: 'ed25519' })).toEqual(hex('300506032b6570'));
    expect(encodeSignatureAlgorithm({ kind: 'ed448' })).toEqual(hex('300506032b6571'));
  });

  it('has no identifier for ECDSA values of fixed length (RFC 4754)', () => {
    const algorithm = { kind: 'ecdsa', hash: 'sha256', format: 'fixed' } as const;
    expect(() => encodeSignatureAlgorithm(algorithm)).toThrow('"algorithm" expected');
  });

  it('writes PSS with any hash and salt so that it reads back', () => {
    for (const hash of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
      for (const saltBytes of [0, 1, 64, 127, 128, 222, 255]) {
        const algorithm = { kind: 'rsa-pss', hash, saltBytes } as const;
        expect(decodeSignatureAlgorithm(encodeSignatureAlgorithm(algorithm))).toEqual(algorithm);
      }
    }
  });
});

describe('decodeSignatureAlgorithm (RFC 7427 §3)', () => {
  it('takes empty PSS parameters for the defaults (RFC 7427 Appendix A.4.1)', () => {
    expect(decodeSignatureAlgorithm(hex('300d06092a864886f70d01010a3000'))).toEqual({
      kind: 'rsa-pss',
      hash: 'sha1',
      saltBytes: 20,
    });
  });

  it('takes NULL and absent parameters alike', () => {
    expect(decodeSignatureAlgorithm(hex('300b06092a864886f70d01010b'))).toEqual({
      kind: 'rsa-pkcs1',
      hash: 'sha256',
    });
    expect(decodeSignatureAlgorithm(hex('300c06082a8648ce3d0403020500'))).toEqual({
      kind: 'ecdsa',
      hash: 'sha256',
      format: 'der',
    });
  });

  it.each([
    ['PSS without parameters', '300b06092a864886f70d01010a'],
    ['PSS with NULL', '300d06092a864886f70d01010a0500'],
    ['parameters that are not NULL', '300e06092a864886f70d01010b050100'],
    ['DSA', '300b0609608648016503040302'],
    ['MD5 with RSA', '300d06092a864886f70d0101040500'],
    ['nothing', ''],
    ['an empty sequence', '3000'],
    ['bytes behind it', '300506032b657000'],
    ['a second parameter', '300f06092a864886f70d01010b05000500'],
    [
      'PSS with two different hashes',
      `3039 0609 2a864886f70d01010a 302c a00f300d0609608648016503040201 0500
       a119 3017 06092a864886f70d010108 300a 0605 2b0e03021a 0500 00`,
    ],
    ['PSS with trailer field 2', '301206092a864886f70d01010a3005a303020102'],
    ['PSS with fields out of order', '301706092a864886f70d01010a300aa303020101a203020114'],
    ['PSS with a negative salt', '301206092a864886f70d01010a3005a2030201ff'],
    ['PSS with a field twice', '301706092a864886f70d01010a300aa203020114a203020114'],
  ])('refuses %s', (_, der) => {
    expect(decodeSignatureAlgorithm(hex(der))).toBeUndefined();
  });

  it('never throws, and reads no example that is cut off', () => {
    for (const { der } of examples) {
      const bytes = hex(der);
      for (let length = 0; length < bytes.length; length += 1) {
        expect(decodeSignatureAlgorithm(bytes.subarray(0, length))).toBeUndefined();
      }
    }
    fc.assert(
      fc.property(
        fc.constantFrom(...examples),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        ({ der }, at, byte) => {
          const bytes = hex(der);
          bytes[at % bytes.length] = byte;
          const read = decodeSignatureAlgorithm(bytes);
          // What is accepted is one of the algorithms, with nothing but its own encoding or a dual one.
          expect(read === undefined || typeof read.kind === 'string').toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
