import type { Evp } from './evp.ts';

const NONCE_BYTES = 16;
const LENGTH_BYTES = 16;
const HASH_BYTES = 64;
const AAD_BYTES = 16;
const LONGEST_KEY_BYTES = 64;

/** What one thread's calls need beside the packet: the nonce of the packet at hand, the lengths that OpenSSL reports
 * and nobody reads, the whole hash of which an ICV is a part, an AAD that does not lie in the packet, and a key while it
 * is being set.
 */
export interface Scratch {
  readonly nonce: Uint8Array;
  readonly nonceAddress: number;
  readonly lengthAddress: number;
  readonly hash: Uint8Array;
  readonly hashAddress: number;
  /** Room for the AAD of a packet with an extended sequence number. */
  readonly aad: Uint8Array;
  readonly aadAddress: number;
  /** Calls `use` with the address of a copy of the key, and overwrites the copy. */
  withKey(key: Uint8Array, use: (address: number) => void): void;
  /** Where `memory[0]` lies; the two memories that were asked for last cost nothing to ask for again. */
  addressOf(memory: Uint8Array): number;
}

/** Allocates it, once for a provider. */
export function createScratch(evp: Evp): Scratch {
  const hashOffset = NONCE_BYTES + LENGTH_BYTES;
  const aadOffset = hashOffset + HASH_BYTES;
  const keyOffset = aadOffset + AAD_BYTES;
  const bytes = new Uint8Array(keyOffset + LONGEST_KEY_BYTES);
  const address = evp.addressOf(bytes);
  // Inbound and outbound batches have a memory each; they live as long as this does, or until others take their places.
  let first: Uint8Array = bytes;
  let firstAddress = address;
  let second: Uint8Array = bytes;
  let secondAddress = address;
  return {
    nonce: bytes.subarray(0, NONCE_BYTES),
    nonceAddress: address,
    lengthAddress: address + NONCE_BYTES,
    hash: bytes.subarray(hashOffset, aadOffset),
    hashAddress: address + hashOffset,
    aad: bytes.subarray(aadOffset, keyOffset),
    aadAddress: address + aadOffset,
    withKey(key: Uint8Array, use: (address: number) => void): void {
      bytes.set(key, keyOffset);
      try {
        use(address + keyOffset);
      } finally {
        bytes.fill(0, keyOffset);
      }
    },
    addressOf(memory: Uint8Array): number {
      if (memory === first) return firstAddress;
      if (memory === second) return secondAddress;
      second = first;
      secondAddress = firstAddress;
      first = memory;
      firstAddress = evp.addressOf(memory);
      return firstAddress;
    },
  };
}
