import { cbc } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { type AesChain, createAesCmac, createAesPrf, createAesXcbc } from '../aes-mac.ts';
import type { MacAlgorithm } from '../cipher-algorithms.ts';
import { NOBLE_HASH } from './noble-hash.ts';

const ZERO_IV = new Uint8Array(16);

function chainOf(key: Uint8Array): AesChain {
  const kept = key.slice();
  return (blocks) => cbc(kept, ZERO_IV, { disablePadding: true }).encrypt(blocks).slice(-16);
}

/** A MAC under one key, for many messages. */
export function createNobleMac(
  algorithm: MacAlgorithm,
  key: Uint8Array,
): (message: Uint8Array) => Uint8Array {
  switch (algorithm.kind) {
    case 'hmac': {
      // The two key blocks of HMAC are hashed once; each packet starts from a clone.
      const keyed = hmac.create(NOBLE_HASH[algorithm.hash], key);
      return (message) => keyed.clone().update(message).digest();
    }
    case 'xcbc':
      return createAesXcbc(chainOf, key);
    case 'cmac':
      return createAesCmac(chainOf, key);
  }
}

/** A MAC as a PRF, with a key of any length, over one message in parts. */
export function computeNoblePrf(
  algorithm: MacAlgorithm,
  key: Uint8Array,
  parts: readonly Uint8Array[],
): Uint8Array {
  if (algorithm.kind !== 'hmac') {
    return createAesPrf(algorithm.kind, chainOf, key)(joined(parts));
  }
  const mac = hmac.create(NOBLE_HASH[algorithm.hash], key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
