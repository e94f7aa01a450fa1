import { createCipheriv, createHmac, createSecretKey } from 'node:crypto';
import { type AesChain, createAesCmac, createAesPrf, createAesXcbc } from '../aes-mac.ts';
import type { MacAlgorithm } from '../cipher-algorithms.ts';

const ZERO_IV = new Uint8Array(16);

function chainOf(bytes: Uint8Array): AesChain {
  const key = createSecretKey(bytes);
  // autoPadding is off, so that update gives every block at once.
  return (blocks) =>
    Uint8Array.from(
      createCipheriv('aes-128-cbc', key, ZERO_IV)
        .setAutoPadding(false)
        .update(blocks)
        .subarray(-16),
    );
}

/** A MAC under one key, for many messages. */
export function createNodeMac(
  algorithm: MacAlgorithm,
  bytes: Uint8Array,
): (message: Uint8Array) => Uint8Array {
  switch (algorithm.kind) {
    case 'hmac': {
      const key = createSecretKey(bytes);
      return (message) => createHmac(algorithm.hash, key).update(message).digest();
    }
    case 'xcbc':
      return createAesXcbc(chainOf, bytes);
    case 'cmac':
      return createAesCmac(chainOf, bytes);
  }
}

/** A MAC as a PRF, with a key of any length, over one message in parts. */
export function computeNodePrf(
  algorithm: MacAlgorithm,
  key: Uint8Array,
  parts: readonly Uint8Array[],
): Uint8Array {
  if (algorithm.kind !== 'hmac') {
    return createAesPrf(algorithm.kind, chainOf, key)(Uint8Array.from(Buffer.concat(parts)));
  }
  const hmac = createHmac(algorithm.hash, key);
  for (const part of parts) hmac.update(part);
  return Uint8Array.from(hmac.digest());
}
