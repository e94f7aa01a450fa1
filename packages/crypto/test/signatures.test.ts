import { constants, generateKeyPairSync, type KeyObject, privateEncrypt } from 'node:crypto';
import {
  fitsKey,
  formatSignatureAlgorithm,
  KeyMaterial,
  type PublicKeyInfo,
  readPublicKey,
  type SignatureAlgorithm,
  type SignatureProvider,
  type SigningKey,
} from '@ipsec-kit/crypto';
import { createNobleSignatures } from '@ipsec-kit/crypto/noble';
import { createNodeSignatures, readSigningKey } from '@ipsec-kit/crypto/node';
import { describe, expect, it } from 'vitest';
import { hex } from './hex.ts';

const node = createNodeSignatures();
const noble = createNobleSignatures();
const MESSAGE = hex('616263');
const HASHES = ['sha1', 'sha256', 'sha384', 'sha512'] as const;

function exported(keys: { publicKey: KeyObject; privateKey: KeyObject }) {
  return {
    spki: Uint8Array.from(keys.publicKey.export({ format: 'der', type: 'spki' })),
    pkcs8: new KeyMaterial(
      Uint8Array.from(keys.privateKey.export({ format: 'der', type: 'pkcs8' })),
    ),
    privateKey: keys.privateKey,
  };
}

const ec = (namedCurve: string) => exported(generateKeyPairSync('ec', { namedCurve }));
const rsa = exported(generateKeyPairSync('rsa', { modulusLength: 2048 }));
const rsa3 = exported(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }));
const curves = [ec('P-256'), ec('P-384'), ec('P-521')];
const edwards = [
  { kind: 'ed25519', ...exported(generateKeyPairSync('ed25519')) },
  { kind: 'ed448', ...exported(generateKeyPairSync('ed448')) },
] as const;

interface Sample {
  readonly algorithm: SignatureAlgorithm;
  readonly keys: ReturnType<typeof exported>;
}

const rsaSamples: Sample[] = HASHES.flatMap((hash) => [
  { algorithm: { kind: 'rsa-pkcs1', hash }, keys: rsa },
  { algorithm: { kind: 'rsa-pss', hash, saltBytes: 32 }, keys: rsa },
]);
const nobleSamples: Sample[] = [
  ...curves.flatMap((keys): Sample[] => [
    { algorithm: { kind: 'ecdsa', hash: 'sha1', format: 'fixed' }, keys },
    { algorithm: { kind: 'ecdsa', hash: 'sha256', format: 'der' }, keys },
    { algorithm: { kind: 'ecdsa', hash: 'sha512', format: 'fixed' }, keys },
  ]),
  ...edwards.map((keys): Sample => ({ algorithm: { kind: keys.kind }, keys })),
];

function imported(provider: SignatureProvider, pkcs8: KeyMaterial): SigningKey {
  const result = provider.importPrivateKey(pkcs8);
  if (!result.ok) throw new Error(result.code);
  return result.key;
}

function infoOf(spki: Uint8Array): PublicKeyInfo {
  const result = readPublicKey(spki);
  if (!result.ok) throw new Error(result.code);
  return result.key;
}

describe.each([
  { name: 'node', signer: node, verifiers: [node], samples: rsaSamples },
  { name: 'node to both', signer: node, verifiers: [node, noble], samples: nobleSamples },
  { name: 'noble to both', signer: noble, verifiers: [node, noble], samples: nobleSamples },
])('signatures, $name', ({ signer, verifiers, samples }) => {
  it('verify, and do not with another message, signature, key or algorithm', async () => {
    for (const { algorithm, keys } of samples) {
      const key = imported(signer, keys.pkcs8);
      expect(key.publicKey).toEqual(keys.spki);
      const signature = await key.sign(algorithm, MESSAGE);
      const check = { publicKey: keys.spki, algorithm, message: MESSAGE, signature };
      for (const verifier of verifiers) {
        const label = `${verifier.name} ${formatSignatureAlgorithm(algorithm)}`;
        expect(verifier.supports(algorithm), label).toBe(true);
        expect(await verifier.verify(check), label).toBe(true);
        const wrong = [
          { message: hex('616264') },
          { message: hex('') },
          { signature: signature.slice(1) },
          { signature: Uint8Array.from([...signature, 0]) },
          { signature: new Uint8Array(0) },
          { signature: new Uint8Array(signature.length) },
          { signature: new Uint8Array(signature.length).fill(0xff) },
          { publicKey: new Uint8Array(0) },
          { publicKey: keys.spki.slice(1) },
          ...[rsa3, ...curves, ...edwards]
            .filter(({ spki }) => spki !== keys.spki)
            .map(({ spki }) => ({ publicKey: spki })),
          ...samples
            .filter((sample) => sample.algorithm !== algorithm)
            .filter((sample) => JSON.stringify(sample.algorithm) !== JSON.stringify(algorithm))
            .map((sample) => ({ algorithm: sample.algorithm })),
        ];
        for (const change of wrong) {
          expect(await verifier.verify({ ...check, ...change }), label).toBe(false);
        }
      }
    }
  });

  it('do not verify with any one bit flipped', async () => {
    for (const { algorithm, keys } of samples.slice(-2)) {
      const signature = await imported(signer, keys.pkcs8).sign(algorithm, MESSAGE);
      for (let bit = 0; bit < 8 * signature.length; bit += 29) {
        const forged = signature.slice();
        forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        for (const verifier of verifiers) {
          const check = { publicKey: keys.spki, algorithm, message: MESSAGE, signature: forged };
          expect(await verifier.verify(check)).toBe(false);
        }
      }
    }
  });
});

describe.each([node, noble])('$name', (provider) => {
  it('verifies the example of ECDSA-256 (RFC 4754 §8.1)', async () => {
    const publicKey = hex(`3059301306072a8648ce3d020106082a8648ce3d03010703420004
      2442A5CC0ECD015FA3CA31DC8E2BBC70BF42D60CBCA20085E0822CB04235E970
      6FC98BD7E50211A4A27102FA3549DF79EBCB4BF246B80945CDDFE7D509BBFD7D`);
    const signature = hex(`CB28E0999B9C7715FD0A80D8E47A77079716CBBF917DD72E97566EA1C066957C
      86FA3BB4E26CAD5BF90B7F81899256CE7594BB1EA0C89212748BFF3B3D5B0315`);
    const algorithm = { kind: 'ecdsa', hash: 'sha256', format: 'fixed' } as const;
    expect(await provider.verify({ publicKey, algorithm, message: MESSAGE, signature })).toBe(true);
  });

  it.each([
    {
      kind: 'ed25519',
      section: '7.1',
      prefix: '302a300506032b6570032100',
      secret: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      point: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      message: 'af82',
      signature: `6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
        18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a`,
    },
    {
      kind: 'ed448',
      section: '7.4',
      prefix: '3043300506032b6571033a00',
      secret: `c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463a
        fbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e`,
      point: `43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c086
        6aea01eb00742802b8438ea4cb82169c235160627b4c3a9480`,
      message: '03',
      signature: `26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f435
        2541b143c4b981b7e18f62de8ccdf633fc1bf037ab7cd779805e0dbcc0aae1cb
        cee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0f
        f3348ab21aa4adafd1d234441cf807c03a00`,
    },
  ] as const)('signs the example of $kind (RFC 8032 §$section)', async (example) => {
    const secret = hex(example.secret);
    const oid = example.kind === 'ed25519' ? '2b6570' : '2b6571';
    const inner = Uint8Array.of(4, secret.length, ...secret);
    const body = Uint8Array.from([...hex(`020100300506 03${oid}`), 4, inner.length, ...inner]);
    const pkcs8 = new KeyMaterial(Uint8Array.from([0x30, body.length, ...body]));
    const key = imported(provider, pkcs8);
    expect(key.publicKey).toEqual(hex(example.prefix + example.point));
    const algorithm = { kind: example.kind };
    const message = hex(example.message);
    const signature = await key.sign(algorithm, message);
    expect(signature).toEqual(hex(example.signature));
    expect(await provider.verify({ publicKey: key.publicKey, algorithm, message, signature })).toBe(
      true,
    );
  });

  it('refuses ECDSA keys whose point is not on the curve (RFC 6989 §2.3)', async () => {
    for (const { spki, pkcs8 } of curves) {
      const algorithm = { kind: 'ecdsa', hash: 'sha256', format: 'der' } as const;
      const signature = await imported(node, pkcs8).sign(algorithm, MESSAGE);
      const forged = spki.slice();
      forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
      const check = { publicKey: forged, algorithm, message: MESSAGE, signature };
      expect(await provider.verify(check)).toBe(false);
    }
  });

  it('refuses ECDSA values outside of 1 to n - 1 (FIPS 186-5 §6.4.2)', async () => {
    const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
    const zero = '00'.repeat(32);
    const one = `${'00'.repeat(31)}01`;
    for (const [r, s] of [
      [zero, one],
      [one, zero],
      [zero, zero],
      [order, one],
      [one, order],
    ]) {
      const check = {
        publicKey: curves[0]?.spki ?? new Uint8Array(0),
        algorithm: { kind: 'ecdsa', hash: 'sha256', format: 'fixed' } as const,
        message: MESSAGE,
        signature: hex(`${r}${s}`),
      };
      expect(await provider.verify(check)).toBe(false);
    }
  });

  it('refuses an Ed25519 value whose s is not reduced (RFC 8032 §5.1.7)', async () => {
    const [keys] = edwards;
    const signature = await imported(node, keys.pkcs8).sign({ kind: 'ed25519' }, MESSAGE);
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const s = BigInt(`0x${Buffer.from(signature.slice(32).toReversed()).toString('hex')}`);
    const raised = hex((s + order).toString(16).padStart(64, '0')).toReversed();
    const forged = Uint8Array.from([...signature.slice(0, 32), ...raised]);
    expect(
      await provider.verify({
        publicKey: keys.spki,
        algorithm: { kind: 'ed25519' },
        message: MESSAGE,
        signature: forged,
      }),
    ).toBe(false);
  });

  it('refuses private keys that are cut off or of another kind, without a throw', () => {
    for (const { pkcs8 } of [...curves, ...edwards]) {
      for (let length = 0; length < pkcs8.length; length += 1) {
        expect(provider.importPrivateKey(pkcs8.slice(0, length)).ok).toBe(false);
      }
    }
  });

  it('throws when a key is told to sign with what does not fit it', () => {
    const key = imported(provider, edwards[0].pkcs8);
    const algorithm = { kind: 'ecdsa', hash: 'sha256', format: 'der' } as const;
    expect(() => key.sign(algorithm, MESSAGE)).toThrow('"algorithm" expected one that fits');
  });
});

describe('readSigningKey (RFC 5958 §3)', () => {
  const secret = (text: string): KeyMaterial => new KeyMaterial(Uint8Array.from(Buffer.from(text)));
  const fileOf = (data: string | Buffer): KeyMaterial =>
    new KeyMaterial(Uint8Array.from(Buffer.from(data)));
  const cipher = 'aes-256-cbc';

  it('reads PEM and DER, encrypted and not, in every form that is about', () => {
    const [p256] = curves;
    const key = p256?.privateKey;
    if (key === undefined) throw new Error('no key');
    const passphrase = 'Ar3etTnp';
    const files = [
      fileOf(key.export({ format: 'pem', type: 'pkcs8' })),
      fileOf(`subject=x\n${key.export({ format: 'pem', type: 'sec1' })}`),
      fileOf(key.export({ format: 'der', type: 'pkcs8' })),
    ];
    const encrypted = [
      fileOf(key.export({ format: 'pem', type: 'pkcs8', cipher, passphrase })),
      fileOf(key.export({ format: 'pem', type: 'sec1', cipher, passphrase })),
      fileOf(key.export({ format: 'der', type: 'pkcs8', cipher, passphrase })),
    ];
    for (const file of files) {
      expect(readSigningKey(file)).toMatchObject({ ok: true, key: { publicKey: p256?.spki } });
    }
    for (const file of encrypted) {
      const right = readSigningKey(file, secret(passphrase));
      expect(right).toMatchObject({ ok: true, key: { publicKey: p256?.spki } });
      const malformed = { ok: false, code: 'malformed' };
      expect(readSigningKey(file, secret('wrong'))).toEqual(malformed);
      expect(readSigningKey(file)).toEqual(malformed);
    }
    const pkcs1 = rsa.privateKey.export({ format: 'pem', type: 'pkcs1' });
    expect(readSigningKey(fileOf(pkcs1))).toMatchObject({
      ok: true,
      key: { info: { kind: 'rsa' } },
    });
  });

  it('refuses what is no private key', () => {
    for (const file of [
      '',
      'text',
      '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
    ]) {
      expect(readSigningKey(secret(file))).toEqual({ ok: false, code: 'malformed' });
    }
    const exchange = exported(generateKeyPairSync('x25519'));
    expect(readSigningKey(exchange.pkcs8)).toEqual({ ok: false, code: 'unsupported' });
  });
});

describe('RSA', () => {
  it('is not in noble', async () => {
    const algorithm = { kind: 'rsa-pkcs1', hash: 'sha256' } as const;
    const signature = await imported(node, rsa.pkcs8).sign(algorithm, MESSAGE);
    const check = { publicKey: rsa.spki, algorithm, message: MESSAGE, signature };
    expect(noble.supports(algorithm)).toBe(false);
    expect(await noble.verify(check)).toBe(false);
    expect(noble.importPrivateKey(rsa.pkcs8)).toEqual({ ok: false, code: 'unsupported' });
  });

  it('refuses PKCS #1 v1.5 with the hash in front of free bytes (RFC 8017 §8.2.2)', async () => {
    const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    const info = `3031300d060960864801650304020105000420${digest}`;
    const encode = (padding: number, tail: number): Uint8Array =>
      hex(`0001${'ff'.repeat(padding)}00${info}${'00'.repeat(tail)}`);
    const algorithm = { kind: 'rsa-pkcs1', hash: 'sha256' } as const;
    const verdict = (encoded: Uint8Array) =>
      node.verify({
        publicKey: rsa3.spki,
        algorithm,
        message: MESSAGE,
        signature: Uint8Array.from(
          privateEncrypt({ key: rsa3.privateKey, padding: constants.RSA_NO_PADDING }, encoded),
        ),
      });
    const room = 256 - 3 - info.length / 2;
    expect(await verdict(encode(room, 0))).toBe(true);
    for (const padding of [8, 16, room - 1]) {
      expect(await verdict(encode(padding, room - padding))).toBe(false);
    }
  });

  it('takes the salt of PSS at the length that the algorithm says (RFC 8017 §9.1.2)', async () => {
    const key = imported(node, rsa.pkcs8);
    const pss = (saltBytes: number): SignatureAlgorithm => ({
      kind: 'rsa-pss',
      hash: 'sha256',
      saltBytes,
    });
    for (const saltBytes of [0, 20, 32, 222]) {
      const signature = await key.sign(pss(saltBytes), MESSAGE);
      const check = { publicKey: rsa.spki, message: MESSAGE, signature };
      expect(await node.verify({ ...check, algorithm: pss(saltBytes) })).toBe(true);
      expect(await node.verify({ ...check, algorithm: pss(saltBytes + 1) })).toBe(false);
    }
    expect(fitsKey(pss(222), infoOf(rsa.spki))).toBe(true);
    expect(fitsKey(pss(223), infoOf(rsa.spki))).toBe(false);
  });

  it('keeps a key for PSS to PSS (RFC 4055 §1.2)', async () => {
    const bound = exported(
      generateKeyPairSync('rsa-pss', {
        modulusLength: 2048,
        hashAlgorithm: 'sha256',
        mgf1HashAlgorithm: 'sha256',
      }),
    );
    expect(infoOf(bound.spki)).toEqual({ kind: 'rsa', bits: 2048, pssOnly: true });
    expect(fitsKey({ kind: 'rsa-pkcs1', hash: 'sha256' }, infoOf(bound.spki))).toBe(false);
    const algorithm = { kind: 'rsa-pss', hash: 'sha256', saltBytes: 32 } as const;
    const signature = await imported(node, bound.pkcs8).sign(algorithm, MESSAGE);
    const check = { publicKey: bound.spki, algorithm, message: MESSAGE, signature };
    expect(await node.verify(check)).toBe(true);
  });
});
