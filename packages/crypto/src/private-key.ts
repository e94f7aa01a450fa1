import { compareBytes, type KeyExchangeGroup } from './key-exchange-groups.ts';
import type { RandomSource } from './random-source.ts';

/** A sound source is refused by an order once in 2^32 draws at most: more refusals mean that it is broken. */
const MAX_DRAWS = 16;

/** Draws a private key for a group: the same bytes from `random` give the same key in every provider, so a trace replays.
 * @returns big-endian scalar in [1, order) for ECP, exponent above 1 for MODP, 32 or 56 unclamped bytes for X25519 and X448.
 * @throws Error when the source keeps giving values out of range (all zeros, all ones).
 */
export function drawPrivateKey(group: KeyExchangeGroup, random: RandomSource): Uint8Array {
  for (let draw = 0; draw < MAX_DRAWS; draw += 1) {
    const bytes = new Uint8Array(privateKeyBytes(group));
    random.fill(bytes);
    if (group.kind === 'ecp') bytes[0] = (bytes[0] ?? 0) & group.firstByteMask;
    if (isUsable(group, bytes)) return bytes;
  }
  throw new Error(`"random" gave no usable private key in ${MAX_DRAWS} draws: it is not random`);
}

function privateKeyBytes(group: KeyExchangeGroup): number {
  switch (group.kind) {
    case 'modp':
      return group.modp.exponentBytes;
    case 'ecp':
      return group.fieldBytes;
    case 'montgomery':
      return group.publicBytes;
  }
}

function isUsable(group: KeyExchangeGroup, bytes: Uint8Array): boolean {
  switch (group.kind) {
    case 'modp':
      return bytes.some((byte, i) => byte > (i === bytes.length - 1 ? 1 : 0));
    case 'ecp':
      // How long this takes says in which byte the key leaves the order's leading ones: next to nothing.
      return bytes.some((byte) => byte > 0) && compareBytes(bytes, group.order) < 0;
    case 'montgomery':
      // Clamping sets the high bit of any bytes (RFC 7748 §5); only a dead source gives all zeros.
      return bytes.some((byte) => byte > 0);
  }
}
