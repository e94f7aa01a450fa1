import {
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
} from 'node:crypto';
import { integrityHash, NONCE_BYTES, SALT_BYTES, shapeForKeys } from '../cipher-shape.ts';
import { constantTimeEqualAt } from '../constant-time-equal.ts';
import type { KeyMaterial } from '../key-material.ts';
import { packetLayoutFault, requirePacketLayout } from '../packet-layout.ts';
import type { CipherShape, CipherSuite, PacketCipher } from '../provider.ts';
import { Encr } from '../transforms.ts';

/** A packet cipher on node:crypto; key objects are made once, here.
 * @throws RangeError for a suite that is not provided and for keys of other lengths than its shape says.
 */
export function createNodePacketCipher(
  suite: CipherSuite,
  keys: { readonly encryption: KeyMaterial; readonly integrity: KeyMaterial },
): PacketCipher {
  const shape = shapeForKeys(suite, keys);
  const encryption = keys.encryption.reveal();
  switch (suite.encryption) {
    case Encr.ENCR_AES_CBC:
      return createCbcHmac(
        shape,
        `aes-${suite.keyBits}-cbc`,
        createSecretKey(encryption),
        integrityHash(suite.integrity),
        createSecretKey(keys.integrity.reveal()),
      );
    case Encr.ENCR_AES_GCM_16:
      return createAead(shape, `aes-${suite.keyBits}-gcm` as CipherGCMTypes, encryption);
    default:
      return createAead(shape, 'chacha20-poly1305', encryption);
  }
}

/** AES-GCM (RFC 4106) or ChaCha20-Poly1305 (RFC 7634): nonce = salt | IV. */
function createAead(
  shape: CipherShape,
  algorithm: CipherGCMTypes | 'chacha20-poly1305',
  keyAndSalt: Uint8Array,
): PacketCipher {
  const keyBytes = keyAndSalt.length - SALT_BYTES;
  const key = createSecretKey(keyAndSalt.subarray(0, keyBytes));
  const nonce = new Uint8Array(NONCE_BYTES);
  nonce.set(keyAndSalt.subarray(keyBytes));
  const options = { authTagLength: shape.icvBytes };
  return {
    ...shape,
    seal(memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes): void {
      requirePacketLayout(shape, memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes);
      const icvOffset = textOffset + textBytes;
      nonce.set(memory.subarray(ivOffset, ivOffset + shape.ivBytes), SALT_BYTES);
      const cipher = createCipheriv(algorithm as CipherGCMTypes, key, nonce, options);
      cipher.setAAD(memory.subarray(aadOffset, aadOffset + aadBytes));
      memory.set(cipher.update(memory.subarray(textOffset, icvOffset)), textOffset);
      cipher.final();
      memory.set(cipher.getAuthTag(), icvOffset);
    },
    open(memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes): boolean {
      if (packetLayoutFault(shape, memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes)) {
        return false;
      }
      const icvOffset = textOffset + textBytes;
      nonce.set(memory.subarray(ivOffset, ivOffset + shape.ivBytes), SALT_BYTES);
      const decipher = createDecipheriv(algorithm as CipherGCMTypes, key, nonce, options);
      decipher.setAAD(memory.subarray(aadOffset, aadOffset + aadBytes));
      decipher.setAuthTag(memory.subarray(icvOffset, icvOffset + shape.icvBytes));
      const text = decipher.update(memory.subarray(textOffset, icvOffset));
      try {
        // OpenSSL compares the tags in constant time; a mismatch is an exception here.
        decipher.final();
      } catch {
        return false;
      }
      memory.set(text, textOffset);
      return true;
    },
  };
}

/** AES-CBC (RFC 3602), encrypt-then-MAC with a truncated HMAC over AAD, IV and ciphertext (RFC 4303 §3.3.2, RFC 7296 §3.14). */
function createCbcHmac(
  shape: CipherShape,
  algorithm: string,
  encryption: KeyObject,
  hash: string,
  integrity: KeyObject,
): PacketCipher {
  const icvOf = (memory: Uint8Array, start: number, end: number): Uint8Array =>
    createHmac(hash, integrity).update(memory.subarray(start, end)).digest();
  return {
    ...shape,
    seal(memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes): void {
      requirePacketLayout(shape, memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes);
      const icvOffset = textOffset + textBytes;
      const iv = memory.subarray(ivOffset, textOffset);
      const cipher = createCipheriv(algorithm, encryption, iv).setAutoPadding(false);
      memory.set(cipher.update(memory.subarray(textOffset, icvOffset)), textOffset);
      cipher.final();
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
      const iv = memory.subarray(ivOffset, textOffset);
      const decipher = createDecipheriv(algorithm, encryption, iv).setAutoPadding(false);
      memory.set(decipher.update(memory.subarray(textOffset, icvOffset)), textOffset);
      decipher.final();
      return true;
    },
  };
}
