import { x448 } from '@noble/curves/ed448.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js';
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
import { modularExponentiation } from './modular-exponentiation.ts';

const CURVE = { p256, p384, p521 } as const;
const MONTGOMERY = { x25519, x448 } as const;
/** First byte of an uncompressed point, which IKE leaves out. @see RFC 5903 §7 */
const UNCOMPRESSED = 4;

class NobleKeyExchangeSecret implements KeyExchangeSecret {
  readonly method: number;
  readonly publicValue: Uint8Array;
  readonly #privateKey: Uint8Array;

  constructor(method: number, group: KeyExchangeGroup, privateKey: Uint8Array) {
    this.method = method;
    this.publicValue = publicValueOf(group, privateKey);
    this.#privateKey = privateKey;
  }

  /** The raw shared secret; throws what noble throws. */
  computeSecret(group: KeyExchangeGroup, peerPublicValue: Uint8Array): Uint8Array {
    switch (group.kind) {
      case 'modp':
        return power(group, bytesToNumberBE(peerPublicValue), this.#privateKey);
      case 'ecp': {
        const point = new Uint8Array(1 + peerPublicValue.length);
        point[0] = UNCOMPRESSED;
        point.set(peerPublicValue, 1);
        // The compressed form is one byte of sign and x: the shared secret is x alone (RFC 5903 §7, §9).
        return CURVE[group.curve].getSharedSecret(this.#privateKey, point, true).subarray(1);
      }
      case 'montgomery':
        return MONTGOMERY[group.curve].getSharedSecret(this.#privateKey, peerPublicValue);
    }
  }
}

/** Makes a key pair from bytes of `random` with noble. @throws RangeError on a method that is not provided. */
export function generateNobleKey(method: number, random: RandomSource): KeyExchangeSecret {
  const group = keyExchangeGroup(method);
  if (group === undefined) {
    throw argumentError('method', 'a key exchange method that is provided', method);
  }
  return new NobleKeyExchangeSecret(method, group, drawPrivateKey(group, random));
}

/** Computes the shared secret with noble, after the checks of RFC 6989 and RFC 8031 §3.
 * @throws TypeError when `secret` was made by another provider.
 */
export function agreeNobleKey(
  secret: KeyExchangeSecret,
  peerPublicValue: Uint8Array,
): KeyAgreement {
  const group = keyExchangeGroup(secret.method);
  if (!(secret instanceof NobleKeyExchangeSecret) || group === undefined) {
    throw new TypeError('"secret" expected what generate() of the noble provider returned');
  }
  const fault = publicValueFault(group, peerPublicValue);
  if (fault !== undefined) return { ok: false, code: fault };
  let shared: Uint8Array;
  try {
    shared = secret.computeSecret(group, peerPublicValue);
  } catch {
    // noble refuses points off the curve and, for X25519 and X448, an all-zero result (RFC 7748 §6.1, §6.2).
    return { ok: false, code: REFUSED[group.kind] };
  }
  const sharedSecret = new KeyMaterial(shared.slice());
  shared.fill(0);
  return { ok: true, sharedSecret };
}

const REFUSED: Readonly<Record<KeyExchangeGroup['kind'], KeyExchangeFailure>> = {
  modp: 'invalid-point',
  ecp: 'invalid-point',
  montgomery: 'all-zero',
};

function publicValueOf(group: KeyExchangeGroup, privateKey: Uint8Array): Uint8Array {
  switch (group.kind) {
    case 'modp':
      return power(group, 2n, privateKey);
    case 'ecp':
      return CURVE[group.curve].getPublicKey(privateKey, false).slice(1);
    case 'montgomery':
      return MONTGOMERY[group.curve].getPublicKey(privateKey);
  }
}

/** Padded with zeros on the left to the length of the modulus. @see RFC 7296 §2.14, §3.4 */
function power(
  group: KeyExchangeGroup & { kind: 'modp' },
  base: bigint,
  exponent: Uint8Array,
): Uint8Array {
  const modulus = bytesToNumberBE(group.modp.prime);
  return numberToBytesBE(modularExponentiation(base, exponent, modulus), group.publicBytes);
}
