import {
  constants,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  type SignKeyObjectInput,
  sign,
  verify,
} from 'node:crypto';
import { argumentError } from '../argument-error.ts';
import type { KeyMaterial } from '../key-material.ts';
import { type PublicKeyInfo, readPublicKey } from '../signatures/public-key.ts';
import {
  fitsKey,
  formatSignatureAlgorithm,
  type SignatureAlgorithm,
} from '../signatures/signature-algorithm.ts';
import type {
  SignatureCheck,
  SignatureProvider,
  SigningKeyResult,
} from '../signatures/signature-provider.ts';

/** Signatures with OpenSSL: RSA PKCS #1 v1.5 and PSS, ECDSA, Ed25519, Ed448. Everything is synchronous. */
export function createNodeSignatures(): SignatureProvider {
  return {
    name: 'node',
    supports: () => true,
    verify: verifyWithNode,
    importPrivateKey: importWithNode,
  };
}

function verifyWithNode({ publicKey, algorithm, message, signature }: SignatureCheck): boolean {
  const info = readPublicKey(publicKey);
  if (!info.ok || !fitsKey(algorithm, info.key)) return false;
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
    return verify(hashOf(algorithm), message, withOptions(key, algorithm), signature);
  } catch {
    // OpenSSL refuses points off the curve, and parameters of a PSS key that the algorithm contradicts.
    return false;
  }
}

function importWithNode(pkcs8: KeyMaterial): SigningKeyResult {
  const bytes = Buffer.from(pkcs8.reveal());
  return signingKeyOf(() => createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' }));
}

/** Reads a private key from the contents of a file: PKCS #8, PKCS #1 or SEC 1 in PEM, encrypted or not, or PKCS #8 in DER.
 * @param passphrase - in UTF-8, for an encrypted key; a wrong one and none where one is needed are `malformed`.
 * @see RFC 5958 §3 (EncryptedPrivateKeyInfo), RFC 7468 §10, §11
 */
export function readSigningKey(file: KeyMaterial, passphrase?: KeyMaterial): SigningKeyResult {
  const bytes = Buffer.from(file.reveal());
  // A passphrase is given always, since Node would ask the terminal for one that is missing.
  const secret = { passphrase: Buffer.from(passphrase?.reveal() ?? new Uint8Array(0)) };
  // A PEM file may begin with explanatory text; DER begins with the tag of a SEQUENCE.
  const isDer = bytes[0] === 0x30 && !bytes.includes('-----BEGIN');
  const format = isDer ? ({ format: 'der', type: 'pkcs8' } as const) : ({ format: 'pem' } as const);
  return signingKeyOf(() => createPrivateKey({ key: bytes, ...format, ...secret }));
}

function signingKeyOf(create: () => KeyObject): SigningKeyResult {
  let key: KeyObject;
  let spki: Uint8Array;
  try {
    key = create();
    spki = Uint8Array.from(createPublicKey(key).export({ format: 'der', type: 'spki' }));
  } catch {
    return { ok: false, code: 'malformed' };
  }
  const read = readPublicKey(spki);
  if (!read.ok) return read;
  const info = read.key;
  return {
    ok: true,
    key: {
      info,
      publicKey: spki,
      sign(algorithm, message) {
        requireFit(algorithm, info);
        return Uint8Array.from(sign(hashOf(algorithm), message, withOptions(key, algorithm)));
      },
    },
  };
}

/** The EdDSAs hash by themselves. */
function hashOf(algorithm: SignatureAlgorithm): string | null {
  return 'hash' in algorithm ? algorithm.hash : null;
}

function withOptions(key: KeyObject, algorithm: SignatureAlgorithm): SignKeyObjectInput {
  switch (algorithm.kind) {
    case 'rsa-pkcs1':
      return { key, padding: constants.RSA_PKCS1_PADDING };
    case 'rsa-pss':
      return {
        key,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: algorithm.saltBytes,
      };
    case 'ecdsa':
      return { key, dsaEncoding: algorithm.format === 'der' ? 'der' : 'ieee-p1363' };
    default:
      return { key };
  }
}

/** @throws RangeError when a key is told to sign with an algorithm that does not fit it. */
function requireFit(algorithm: SignatureAlgorithm, info: PublicKeyInfo): void {
  if (fitsKey(algorithm, info)) return;
  const got = `${formatSignatureAlgorithm(algorithm)} for ${info.kind} of ${info.bits} bits`;
  throw argumentError('algorithm', 'one that fits the key', got);
}
