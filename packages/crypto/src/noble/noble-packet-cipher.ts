import { cbc, gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hmac } from '@noble/hashes/hmac.js';
import { integrityHash, NONCE_BYTES, SALT_BYTES, shapeForKeys } from '../cipher-shape.ts';
import { constantTimeEqualAt } from '../constant-time-equal.ts';
import type { KeyMaterial } from '../key-material.ts';
import { packetLayoutFault, requirePacketLayout } from '../packet-layout.ts';
import type { CipherShape, CipherSuite, PacketCipher } from '../provider.ts';
import { Encr } from '../transforms.ts';
import { NOBLE_HASH } from './noble-hash.ts';

/** A packet cipher on noble.
 * @throws RangeError for a suite that is not provided and for keys of other lengths than its shape says.
 */
export function createNoblePacketCipher(
  suite: CipherSuite,
  keys: { readonly encryption: KeyMaterial; readonly integrity: KeyMaterial },
): PacketCipher {
  const shape = shapeForKeys(suite, keys);
  // Copied: KeyMaterial may be erased by its owner while the cipher lives.
  const encryption = keys.encryption.reveal().slice();
  switch (suite.encryption) {
    case Encr.ENCR_AES_CBC:
      return createCbcHmac(shape, encryption, suite.integrity, keys.integrity.reveal());
    case Encr.ENCR_AES_GCM_16:
      return createAead(shape, gcm, encryption);
    default:
      return createAead(shape, chacha20poly1305, encryption);
  }
}

/** What both AEADs of noble look like: the tag stands behind the ciphertext. */
type NobleAead = (
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
) => {
  encrypt(plaintext: Uint8Array): Uint8Array;
  decrypt(ciphertext: Uint8Array): Uint8Array;
};

/** AES-GCM (RFC 4106) or ChaCha20-Poly1305 (RFC 7634): nonce = salt | IV. */
function createAead(shape: CipherShape, aead: NobleAead, keyAndSalt: Uint8Array): PacketCipher {
  const keyBytes = keyAndSalt.length - SALT_BYTES;
  const key = keyAndSalt.subarray(0, keyBytes);
  const nonce = new Uint8Array(NONCE_BYTES);
  nonce.set(keyAndSalt.subarray(keyBytes));
  return {
    ...shape,
    seal(memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes): void {
      requirePacketLayout(shape, memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes);
      nonce.set(memory.subarray(ivOffset, ivOffset + shape.ivBytes), SALT_BYTES);
      const aad = memory.subarray(aadOffset, aadOffset + aadBytes);
      const text = memory.subarray(textOffset, textOffset + textBytes);
      memory.set(aead(key, nonce, aad).encrypt(text), textOffset);
    },
    open(memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes): boolean {
      if (packetLayoutFault(shape, memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes)) {
        return false;
      }
      nonce.set(memory.subarray(ivOffset, ivOffset + shape.ivBytes), SALT_BYTES);
      const aad = memory.subarray(aadOffset, aadOffset + aadBytes);
      const sealed = memory.subarray(textOffset, textOffset + textBytes + shape.icvBytes);
      try {
        // noble compares the tags in constant time; a mismatch is an exception here.
        memory.set(aead(key, nonce, aad).decrypt(sealed), textOffset);
      } catch {
        return false;
      }
      return true;
    },
  };
}

/** AES-CBC (RFC 3602), encrypt-then-MAC with a truncated HMAC over AAD, IV and ciphertext (RFC 4303 §3.3.2, RFC 7296 §3.14). */
function createCbcHmac(
  shape: CipherShape,
  encryptionKey: Uint8Array,
  integrity: number,
  integrityKey: Uint8Array,
): PacketCipher {
  // The two key blocks of HMAC are hashed once; each packet starts from a clone.
  const keyed = hmac.create(NOBLE_HASH[integrityHash(integrity)], integrityKey);
  const icvOf = (memory: Uint8Array, start: number, end: number): Uint8Array =>
    keyed.clone().update(memory.subarray(start, end)).digest();
  const cipherFor = (iv: Uint8Array) => cbc(encryptionKey, iv, { disablePadding: true });
  return {
    ...shape,
    seal(memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes): void {
      requirePacketLayout(shape, memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes);
      const icvOffset = textOffset + textBytes;
      const cipher = cipherFor(memory.subarray(ivOffset, textOffset));
      memory.set(cipher.encrypt(memory.subarray(textOffset, icvOffset)), textOffset);
      const icv = icvOf(memory, aadOffset, icvOffset);
      memory.set(icv.subarray(0, shape.icvBytes), icvOffset);
    },
    open(memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes): boolean {
      if (packetLayoutFault(shape, memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes)) {
        return false;
      }
      const icvOffset = textOffset + textBytes;
      const icv = icvOf(memory, aadOffset, icvOffset);
      if (!constantTimeEqualAt(memory, icvOffset, icv, shape.icvBytes)) return false;
      const cipher = cipherFor(memory.subarray(ivOffset, textOffset));
      memory.set(cipher.decrypt(memory.subarray(textOffset, icvOffset)), textOffset);
      return true;
    },
  };
}
