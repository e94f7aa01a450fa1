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
/** DER in front of a raw X25519 key: PrivateKeyInfo and SubjectPublicKeyInfo. @see RFC 8410 §4, §7 */
const X25519_PRIVATE_PREFIX = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20,
]);
const X25519_PUBLIC_PREFIX = Uint8Array.from([
  0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00,
]);
/** First byte of an uncompressed point, which IKE leaves out. @see RFC 5903 §7 */
const UNCOMPRESSED = Uint8Array.of(4);

type PrivateHalf =
  | { readonly kind: 'modp'; readonly dh: DiffieHellman }
  | { readonly kind: 'ecp'; readonly ecdh: ECDH }
  | { readonly kind: 'x25519'; readonly key: KeyObject };

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
      case 'x25519':
        return diffieHellman({
          privateKey: this.#half.key,
          publicKey: importX25519(peerPublicValue),
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
    case 'x25519': {
      const der = concatenate(X25519_PRIVATE_PREFIX, privateKey);
      const key = createPrivateKey({ key: Buffer.from(der.buffer), format: 'der', type: 'pkcs8' });
      der.fill(0);
      const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
      const publicValue = Uint8Array.from(spki.subarray(X25519_PUBLIC_PREFIX.length));
      return new NodeKeyExchangeSecret(method, publicValue, { kind: 'x25519', key });
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
    // OpenSSL refuses points off the curve and, for X25519, an all-zero result (RFC 7748 §6.1).
    return { ok: false, code: REFUSED[group.kind] };
  }
  return { ok: true, sharedSecret: new KeyMaterial(Uint8Array.from(shared)) };
}

const REFUSED: Readonly<Record<KeyExchangeGroup['kind'], KeyExchangeFailure>> = {
  modp: 'invalid-point',
  ecp: 'invalid-point',
  x25519: 'all-zero',
};

function importX25519(publicValue: Uint8Array): KeyObject {
  const der = concatenate(X25519_PUBLIC_PREFIX, publicValue);
  return createPublicKey({ key: Buffer.from(der.buffer), format: 'der', type: 'spki' });
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
