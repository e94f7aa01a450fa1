import {
  constants,
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  privateEncrypt,
} from 'node:crypto';
import { KeyMaterial, type SignatureAlgorithm } from '@ipsec-kit/crypto';
import { createNobleSignatures } from '@ipsec-kit/crypto/noble';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';
import { describe, expect, it } from 'vitest';
import { hex } from './hex.ts';

/** What must be refused, made from what the RFCs say, in the manner of Wycheproof: one thing is wrong in each. */
const MESSAGE = hex('616263');
const bytesOf = (value: bigint, bytes: number): Uint8Array =>
  hex(value.toString(16).padStart(2 * bytes, '0'));

const node = createNodeSignatures();
const signers = [node, createNobleSignatures()];
const spkiOf = (key: KeyObject): Uint8Array =>
  Uint8Array.from(key.export({ format: 'der', type: 'spki' }));
const keyOf = (key: KeyObject) => {
  const der = Uint8Array.from(key.export({ format: 'der', type: 'pkcs8' }));
  const result = node.importPrivateKey(new KeyMaterial(der));
  if (!result.ok) throw new Error(result.code);
  return result.key;
};

/** A DER integer of these digits. */
const integer = (digits: string): string =>
  `02${(digits.length / 2).toString(16).padStart(2, '0')}${digits}`;
const sequence = (content: string): string => {
  const length = (content.length / 2).toString(16).padStart(2, '0');
  return `30${content.length / 2 < 128 ? '' : '81'}${length}${content}`;
};
/** As DER wants it: no bytes that are not needed, and never negative. */
const minimal = (value: bigint): string => {
  const digits = value.toString(16);
  const even = digits.padStart(digits.length + (digits.length % 2), '0');
  return Number.parseInt(even.slice(0, 2), 16) >= 0x80 ? `00${even}` : even;
};

const ORDERS = [
  ['P-256', 'sha256', 32, 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n],
  [
    'P-384',
    'sha384',
    48,
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ],
  [
    'P-521',
    'sha512',
    66,
    0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  ],
] as const;

describe.each(signers)('signatures that are wrong, to $name', (provider) => {
  it.each(ORDERS)(
    'are refused with ECDSA of %s (FIPS 186-5 §6.4.2)',
    async (namedCurve, hash, bytes, n) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
      const fixed = { kind: 'ecdsa', hash, format: 'fixed' } as const;
      const der = { kind: 'ecdsa', hash, format: 'der' } as const;
      const good = await keyOf(privateKey).sign(fixed, MESSAGE);
      const verify = (algorithm: SignatureAlgorithm, signature: Uint8Array) =>
        provider.verify({ publicKey: spkiOf(publicKey), algorithm, message: MESSAGE, signature });
      const big = (part: Uint8Array): bigint => BigInt(`0x${Buffer.from(part).toString('hex')}`);
      const [r, s] = [big(good.subarray(0, bytes)), big(good.subarray(bytes))];
      const asFixed = (a: bigint, b: bigint) =>
        Uint8Array.from([...bytesOf(a, bytes), ...bytesOf(b, bytes)]);
      const asDer = (a: string, b: string, tail = '') =>
        hex(`${sequence(`${integer(a)}${integer(b)}`)}${tail}`);
      expect(await verify(fixed, good)).toBe(true);
      expect(await verify(der, asDer(minimal(r), minimal(s)))).toBe(true);
      const limits = [0n, 1n, n - 1n, n, n + 1n];
      for (const [a, b] of [...limits.map((x) => [x, s]), ...limits.map((x) => [r, x])] as [
        bigint,
        bigint,
      ][]) {
        expect(await verify(fixed, asFixed(a, b)), `r ${a}, s ${b}`).toBe(false);
        expect(await verify(der, asDer(minimal(a), minimal(b)))).toBe(false);
      }
      for (const cut of [0, 1, bytes, good.length - 1]) {
        expect(await verify(fixed, good.slice(0, cut))).toBe(false);
      }
      expect(await verify(fixed, Uint8Array.from([...good, 0]))).toBe(false);
      expect(await verify(fixed, asFixed(s, r))).toBe(false);
      // X.690 §8.3, §10.1: one encoding of each value, and nothing behind it.
      const [dr, ds] = [minimal(r), minimal(s)];
      expect(await verify(der, asDer(`00${dr}`, ds))).toBe(false);
      expect(await verify(der, asDer(dr, ds, '00'))).toBe(false);
      expect(await verify(der, hex(sequence(`${integer(dr)}${integer(ds)}0500`)))).toBe(false);
      expect(await verify(der, hex(sequence(integer(dr))))).toBe(false);
      expect(await verify(der, asDer(minimal(r + n), ds))).toBe(false);
      expect(await verify(der, good)).toBe(false);
      expect(await verify(fixed, asDer(dr, ds))).toBe(false);
    },
  );

  it.each([
    ['ed25519', 32, 2n ** 252n + 27742317777372353535851937790883648493n],
    ['ed448', 57, 2n ** 446n - 0x8335dc163bb124b65129c96fde933d8d723a70aadc873d6d54a7bb0dn],
  ] as const)(
    'are refused with %s whose s is not reduced, and of other lengths (RFC 8032 §5.1.7, §5.2.7)',
    async (kind, half, order) => {
      const { publicKey, privateKey } =
        kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ed448');
      const good = await keyOf(privateKey).sign({ kind }, MESSAGE);
      const verify = (signature: Uint8Array) =>
        provider.verify({
          publicKey: spkiOf(publicKey),
          algorithm: { kind },
          message: MESSAGE,
          signature,
        });
      const s = BigInt(`0x${Buffer.from(good.slice(half).toReversed()).toString('hex')}`);
      const withS = (value: bigint) =>
        Uint8Array.from([...good.subarray(0, half), ...bytesOf(value, half).toReversed()]);
      expect(await verify(withS(s))).toBe(true);
      for (const wrong of [0n, order, s + order, s + 2n * order, order - s]) {
        expect(await verify(withS(wrong))).toBe(false);
      }
      expect(await verify(new Uint8Array(2 * half))).toBe(false);
      expect(await verify(new Uint8Array(2 * half).fill(0xff))).toBe(false);
      for (const length of [0, half, 2 * half - 1])
        expect(await verify(good.slice(0, length))).toBe(false);
      expect(await verify(Uint8Array.from([...good, 0]))).toBe(false);
    },
  );
});

describe('RSA signatures that are wrong', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const publicSpki = spkiOf(publicKey);
  const modulus = BigInt(
    `0x${Buffer.from(publicKey.export({ format: 'jwk' }).n ?? '', 'base64url').toString('hex')}`,
  );
  /** What the private key makes of a padded message, whatever is wrong with it. */
  const raw = (encoded: Uint8Array): Uint8Array =>
    Uint8Array.from(
      privateEncrypt(
        {
          key: createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })),
          padding: constants.RSA_NO_PADDING,
        },
        encoded,
      ),
    );
  const verify = (algorithm: SignatureAlgorithm, signature: Uint8Array) =>
    node.verify({ publicKey: publicSpki, algorithm, message: MESSAGE, signature });
  const digest = createHash('sha256').update(MESSAGE).digest();

  describe('with PKCS #1 v1.5 (RFC 8017 §9.2)', () => {
    const pkcs1 = { kind: 'rsa-pkcs1', hash: 'sha256' } as const;
    const info = `3031300d060960864801650304020105000420${digest.toString('hex')}`;
    const padded = (
      begin: string,
      separator: string,
      content: string,
      filler = 'ff',
    ): Uint8Array => {
      const used = (begin.length + separator.length + content.length) / 2;
      return hex(`${begin}${filler.repeat(256 - used)}${separator}${content}`);
    };

    it('verify as they should when nothing is', async () => {
      expect(await verify(pkcs1, raw(padded('0001', '00', info)))).toBe(true);
    });

    it.each([
      ['block type 2', padded('0002', '00', info)],
      ['block type 0', padded('0000', '00', info, '00')],
      ['padding of other bytes', padded('0001', '00', info, 'fe')],
      ['one zero in the padding', padded('0001ff00ff', '00', info)],
      ['no separator', padded('0001', 'ff', info)],
      ['the hash alone', padded('0001', '00', digest.toString('hex'))],
      ['another hash named', padded('0001', '00', info.replace('040201', '040202'))],
      ['a longer length inside', padded('0001', '00', `3032${info.slice(4)}`)],
      ['a byte behind', padded('0001', '00', `${info}00`)],
      ['parameters of other content', padded('0001', '00', info.replace('05000420', '05010420'))],
      ['a hash cut off', padded('0001', '00', info.slice(0, -2))],
      [
        'one bit of the hash',
        padded('0001', '00', `${info.slice(0, -1)}${info.endsWith('0') ? '1' : '0'}`),
      ],
    ])('are refused: %s', async (_, encoded) => {
      expect(await verify(pkcs1, raw(encoded))).toBe(false);
    });

    it('are refused of other lengths, and when they are no numbers below the modulus (RFC 8017 §8.2.2)', async () => {
      const good = raw(padded('0001', '00', info));
      const value = BigInt(`0x${Buffer.from(good).toString('hex')}`);
      const raised = value + modulus;
      const wrong = [
        ...[good.slice(1), good.slice(0, -1), Uint8Array.from([0, ...good]), new Uint8Array(0)],
        ...[0n, 1n, modulus - 1n, modulus, modulus - value].map((one) => bytesOf(one, 256)),
        bytesOf(raised, raised >> 2048n ? 257 : 256),
      ];
      for (const signature of wrong) expect(await verify(pkcs1, signature)).toBe(false);
    });
  });

  describe('with PSS (RFC 8017 §9.1.2)', () => {
    const pss = { kind: 'rsa-pss', hash: 'sha256', saltBytes: 32 } as const;
    const mgf1 = (seed: Uint8Array, bytes: number): Buffer => {
      const parts: Buffer[] = [];
      for (let n = 0; n * 32 < bytes; n += 1) {
        parts.push(
          createHash('sha256')
            .update(seed)
            .update(Uint8Array.of(0, 0, 0, n))
            .digest(),
        );
      }
      return Buffer.concat(parts).subarray(0, bytes);
    };
    interface Fault {
      readonly saltBytes?: number;
      readonly trailer?: number;
      readonly separator?: number;
      readonly filler?: number;
      readonly prefix?: number;
    }
    /** EM = maskedDB | H | 0xbc for a modulus of 2048 bits, with one thing wrong. */
    const encoded = (fault: Fault): Uint8Array => {
      const { saltBytes = 32, trailer = 0xbc, separator = 1 } = fault;
      const { filler = 0, prefix = 0 } = fault;
      const salt = Buffer.alloc(saltBytes, 7);
      const inner = Buffer.concat([Buffer.alloc(8, prefix), digest, salt]);
      const h = createHash('sha256').update(inner).digest();
      const padding = Buffer.alloc(256 - 32 - 2 - saltBytes, filler);
      const db = Buffer.concat([padding, Buffer.of(separator), salt]);
      const mask = mgf1(h, db.length);
      const [first = 0, ...rest] = db.map((byte, at) => byte ^ (mask[at] ?? 0));
      // emBits is 2047: one bit is cleared.
      return Uint8Array.from([first & 0x7f, ...rest, ...h, trailer]);
    };

    it('verify as they should when nothing is', async () => {
      expect(await verify(pss, raw(encoded({})))).toBe(true);
    });

    it.each<[string, Fault]>([
      ['a shorter salt', { saltBytes: 31 }],
      ['no salt', { saltBytes: 0 }],
      ['a longer salt', { saltBytes: 33 }],
      ['another trailer', { trailer: 0xcc }],
      ['another separator', { separator: 2 }],
      ['no separator', { separator: 0 }],
      ['padding that is not zero', { filler: 1 }],
      ['other bytes before the hash', { prefix: 1 }],
    ])('are refused: %s', async (_, fault) => {
      expect(await verify(pss, raw(encoded(fault)))).toBe(false);
    });

    it('are refused with another hash, and as PKCS #1 v1.5', async () => {
      const signature = raw(encoded({}));
      expect(await verify({ ...pss, hash: 'sha384' }, signature)).toBe(false);
      expect(await verify({ kind: 'rsa-pkcs1', hash: 'sha256' }, signature)).toBe(false);
    });
  });
});
