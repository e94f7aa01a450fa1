import {
  createDiffieHellman,
  createECDH,
  createPrivateKey,
  createPublicKey,
  type DiffieHellman,
  diffieHellman,
  type ECDH,
  type KeyObject,
} from 'node:crypto';
import { argumentError } from '../argument-error.ts';
import {
  type KeyExchangeGroup,
  keyExchangeGroup,
  publicValueFault,
} from '../key-exchange-groups.ts';
import { KeyMaterial } from '../key-material.ts';
import { drawPrivateKey } from '../private-key.ts';
import type { KeyAgreement, KeyExchangeFailure, KeyExchangeSecret } from '../provider.ts';
import type { RandomSource } from '../random-source.ts';

const CURVE_NAME = { p256: 'prime256v1', p384: 'secp384r1', p521: 'secp521r1' } as const;
const GENERATOR = Uint8Array.of(2);
/** First byte of an uncompressed point, which IKE leaves out. @see RFC 5903 §7 */
const UNCOMPRESSED = Uint8Array.of(4);

type MontgomeryCurve = 'X25519' | 'X448';

type PrivateHalf =
  | { readonly kind: 'modp'; readonly dh: DiffieHellman }
  | { readonly kind: 'ecp'; readonly ecdh: ECDH }
  | { readonly kind: 'montgomery'; readonly crv: MontgomeryCurve; readonly key: KeyObject };

class NodeKeyExchangeSecret implements KeyExchangeSecret {
  readonly method: number;
  readonly publicValue: Uint8Array;
  readonly #half: PrivateHalf;

  constructor(method: number, publicValue: Uint8Array, half: PrivateHalf) {
    this.method = method;
    this.publicValue = publicValue;
    this.#half = half;
  }

  /** The raw shared secret; throws what OpenSSL throws. */
  computeSecret(peerPublicValue: Uint8Array): Uint8Array {
    switch (this.#half.kind) {
      case 'modp':
        // Node pads with zeros on the left to the length of the modulus, as RFC 7296 §2.14 asks.
        return this.#half.dh.computeSecret(peerPublicValue);
      case 'ecp':
        return this.#half.ecdh.computeSecret(concatenate(UNCOMPRESSED, peerPublicValue));
      case 'montgomery':
        return diffieHellman({
          privateKey: this.#half.key,
          publicKey: importMontgomeryPublic(this.#half.crv, peerPublicValue),
        });
    }
  }
}

/** Makes a key pair from bytes of `random` with OpenSSL. @throws RangeError on a method that is not provided. */
export function generateNodeKey(method: number, random: RandomSource): KeyExchangeSecret {
  const group = keyExchangeGroup(method);
  if (group === undefined) {
    throw argumentError('method', 'a key exchange method that is provided', method);
  }
  const privateKey = drawPrivateKey(group, random);
  const secret = withPrivateKey(method, group, privateKey);
  privateKey.fill(0);
  return secret;
}

function withPrivateKey(
  method: number,
  group: KeyExchangeGroup,
  privateKey: Uint8Array,
): NodeKeyExchangeSecret {
  switch (group.kind) {
    case 'modp': {
      const dh = createDiffieHellman(group.modp.prime, GENERATOR);
      dh.setPrivateKey(privateKey);
      const publicValue = leftPadded(dh.generateKeys(), group.publicBytes);
      return new NodeKeyExchangeSecret(method, publicValue, { kind: 'modp', dh });
    }
    case 'ecp': {
      const ecdh = createECDH(CURVE_NAME[group.curve]);
      ecdh.setPrivateKey(privateKey);
      const publicValue = Uint8Array.from(ecdh.getPublicKey().subarray(1));
      return new NodeKeyExchangeSecret(method, publicValue, { kind: 'ecp', ecdh });
    }
    case 'montgomery': {
      const crv = group.curve === 'x25519' ? 'X25519' : 'X448';
      const key = importMontgomeryPrivate(crv, privateKey);
      const publicValue = Uint8Array.from(Buffer.from(key.export(JWK).x ?? '', 'base64url'));
      return new NodeKeyExchangeSecret(method, publicValue, { kind: 'montgomery', crv, key });
    }
  }
}

/** Computes the shared secret with OpenSSL, after the checks of RFC 6989 and RFC 8031 §3.
 * @throws TypeError when `secret` was made by another provider.
 */
export function agreeNodeKey(secret: KeyExchangeSecret, peerPublicValue: Uint8Array): KeyAgreement {
  const group = keyExchangeGroup(secret.method);
  if (!(secret instanceof NodeKeyExchangeSecret) || group === undefined) {
    throw new TypeError('"secret" expected what generate() of the node provider returned');
  }
  const fault = publicValueFault(group, peerPublicValue);
  if (fault !== undefined) return { ok: false, code: fault };
  let shared: Uint8Array;
  try {
    shared = secret.computeSecret(peerPublicValue);
  } catch {
    // OpenSSL refuses points off the curve and, for X25519 and X448, an all-zero result (RFC 7748 §6.1, §6.2).
    return { ok: false, code: REFUSED[group.kind] };
  }
  const sharedSecret = new KeyMaterial(Uint8Array.from(shared));
  shared.fill(0);
  return { ok: true, sharedSecret };
}

const REFUSED: Readonly<Record<KeyExchangeGroup['kind'], KeyExchangeFailure>> = {
  modp: 'invalid-point',
  ecp: 'invalid-point',
  montgomery: 'all-zero',
};

const JWK = { format: 'jwk' } as const;
/** Node wants a public value of the right length beside a private key, and computes it itself all the same. */
const anyPublic = (bytes: number): string => Buffer.alloc(bytes).toString('base64url');

/** Through JSON Web Key, which takes a tenth of the time that OpenSSL 3 needs for the same key in DER. @see RFC 8037 §2 */
function importMontgomeryPrivate(crv: MontgomeryCurve, privateKey: Uint8Array): KeyObject {
  const d = Buffer.from(privateKey).toString('base64url');
  return createPrivateKey({ ...JWK, key: { kty: 'OKP', crv, d, x: anyPublic(privateKey.length) } });
}

function importMontgomeryPublic(crv: MontgomeryCurve, publicValue: Uint8Array): KeyObject {
  const x = Buffer.from(publicValue).toString('base64url');
  return createPublicKey({ ...JWK, key: { kty: 'OKP', crv, x } });
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function leftPadded(bytes: Uint8Array, length: number): Uint8Array {
  const padded = new Uint8Array(length);
  padded.set(bytes, length - bytes.length);
  return padded;
}
