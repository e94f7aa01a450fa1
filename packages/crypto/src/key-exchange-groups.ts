import { hexBytes } from './hex-bytes.ts';
import {
  MODP_1024_GROUP,
  MODP_2048_GROUP,
  MODP_3072_GROUP,
  MODP_4096_GROUP,
  MODP_6144_GROUP,
  MODP_8192_GROUP,
  type ModpGroup,
} from './modp-groups.ts';
import type { KeyExchangeFailure } from './provider.ts';
import { Ke } from './transforms.ts';

/** A key exchange method, by the family that computes it. */
export type KeyExchangeGroup =
  | { readonly kind: 'modp'; readonly publicBytes: number; readonly modp: ModpGroup }
  | {
      readonly kind: 'ecp';
      readonly publicBytes: number;
      readonly curve: 'p256' | 'p384' | 'p521';
      /** Bytes of one coordinate, of the shared secret and of the private key. */
      readonly fieldBytes: number;
      /** Which bits of the first byte of a private key may be set. */
      readonly firstByteMask: number;
      /** Order of the base point, big-endian, `fieldBytes` long. @see RFC 5903 §3 */
      readonly order: Uint8Array;
    }
  | {
      readonly kind: 'montgomery';
      readonly curve: 'x25519' | 'x448';
      readonly publicBytes: number;
    };

const GROUPS: Readonly<Record<number, KeyExchangeGroup>> = {
  [Ke.MODP_1024]: { kind: 'modp', publicBytes: 128, modp: MODP_1024_GROUP },
  [Ke.MODP_2048]: { kind: 'modp', publicBytes: 256, modp: MODP_2048_GROUP },
  [Ke.MODP_3072]: { kind: 'modp', publicBytes: 384, modp: MODP_3072_GROUP },
  [Ke.MODP_4096]: { kind: 'modp', publicBytes: 512, modp: MODP_4096_GROUP },
  [Ke.MODP_6144]: { kind: 'modp', publicBytes: 768, modp: MODP_6144_GROUP },
  [Ke.MODP_8192]: { kind: 'modp', publicBytes: 1024, modp: MODP_8192_GROUP },
  [Ke.ECP_256]: {
    kind: 'ecp',
    publicBytes: 64,
    curve: 'p256',
    fieldBytes: 32,
    firstByteMask: 0xff,
    order: hexBytes('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'),
  },
  [Ke.ECP_384]: {
    kind: 'ecp',
    publicBytes: 96,
    curve: 'p384',
    fieldBytes: 48,
    firstByteMask: 0xff,
    order: hexBytes(
      'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
    ),
  },
  [Ke.ECP_521]: {
    kind: 'ecp',
    publicBytes: 132,
    curve: 'p521',
    fieldBytes: 66,
    firstByteMask: 0x01,
    order: hexBytes(
      '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
    ),
  },
  [Ke.CURVE25519]: { kind: 'montgomery', curve: 'x25519', publicBytes: 32 },
  [Ke.CURVE448]: { kind: 'montgomery', curve: 'x448', publicBytes: 56 },
};

/** The Diffie-Hellman group of a key exchange method, or `undefined` when there is none. */
export function keyExchangeGroup(method: number): KeyExchangeGroup | undefined {
  return GROUPS[method];
}

/** Checks what can be checked on the bytes of a peer's public value; whether a point lies on its curve is for the curve's code.
 * The length is exact: RFC 7296 §3.4 pads MODP values to the length of the modulus, RFC 5903 §7 fixes x | y, RFC 8031 §3.1 32 and 56 bytes.
 * MODP values must lie in 1 < y < p - 1 (RFC 6989 §2.1); in a safe-prime group that leaves no small subgroup.
 */
export function publicValueFault(
  group: KeyExchangeGroup,
  publicValue: Uint8Array,
): KeyExchangeFailure | undefined {
  if (publicValue.length !== group.publicBytes) return 'bad-length';
  if (group.kind !== 'modp') return undefined;
  const last = publicValue.length - 1;
  // Public values and the prime are no secrets, so an early exit gives nothing away.
  const isTiny = publicValue.every((byte, i) => (i === last ? byte <= 1 : byte === 0));
  if (isTiny) return 'small-subgroup';
  const order = compareBytes(publicValue, group.modp.prime);
  if (order >= 0) return 'invalid-point';
  // p is odd, so p - 1 differs from it in the last byte only.
  const isMinusOne = publicValue.every((byte, i) => {
    const ofPrime = group.modp.prime[i] ?? 0;
    return i === last ? byte === ofPrime - 1 : byte === ofPrime;
  });
  return isMinusOne ? 'small-subgroup' : undefined;
}

/** Order of two big-endian numbers of one length: below, at or above 0; takes a time that depends on them. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
