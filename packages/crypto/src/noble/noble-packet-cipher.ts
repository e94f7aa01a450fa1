import { cbc, ctr, gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { cipherShapeOf, resolveSuite } from '../cipher-shape.ts';
import { constantTimeEqualAt } from '../constant-time-equal.ts';
import type { KeyMaterial } from '../key-material.ts';
import {
  type AeadPrimitive,
  createAeadCipher,
  createEncryptThenMac,
  ctrBlock,
} from '../packet-cipher.ts';
import type { CipherShape, CipherSuite, PacketCipher } from '../provider.ts';
import { Encr } from '../transforms.ts';
import { createNobleCcm } from './noble-ccm.ts';
import { createNobleMac } from './noble-mac.ts';

/** Sizes of a suite that noble provides: all but those with ENCR_3DES, which noble does not have. */
export function nobleCipherShape(suite: CipherSuite): CipherShape | undefined {
  return suite.encryption === Encr.ENCR_3DES ? undefined : cipherShapeOf(suite);
}

/** A packet cipher on noble.
 * @throws RangeError for a suite that is not provided and for keys of other lengths than its shape says.
 */
export function createNoblePacketCipher(
  suite: CipherSuite,
  keys: { readonly encryption: KeyMaterial; readonly integrity: KeyMaterial },
): PacketCipher {
  const { shape, cipher, integrity } = resolveSuite(suite, keys, nobleCipherShape);
  // Copied: KeyMaterial may be erased by its owner while the cipher lives.
  const keyAndSalt = keys.encryption.reveal().slice();
  const key = keyAndSalt.subarray(0, suite.keyBits / 8);
  const salt = keyAndSalt.subarray(key.length);
  if (integrity) {
    const mac = createNobleMac(integrity.mac, keys.integrity.reveal());
    return createEncryptThenMac(shape, {
      ...(cipher.kind === 'aes-ctr' ? counterMode(key, salt) : blockMode(key)),
      mac,
    });
  }
  switch (cipher.kind) {
    case 'aes-ccm':
      return createAeadCipher(shape, salt, createNobleCcm(key, shape.icvBytes));
    case 'aes-gcm':
      return createAeadCipher(
        shape,
        salt,
        shape.icvBytes === FULL_TAG_BYTES ? wholeTag(gcm, key) : shortGcm(key, shape.icvBytes),
      );
    default:
      return createAeadCipher(shape, salt, wholeTag(chacha20poly1305, key));
  }
}

const FULL_TAG_BYTES = 16;

/** What both AEADs of noble look like: the tag stands behind the ciphertext. */
type NobleAead = (
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
) => {
  encrypt(plaintext: Uint8Array): Uint8Array;
  decrypt(ciphertext: Uint8Array): Uint8Array;
};

/** AES-GCM with a 16-byte ICV (RFC 4106) or ChaCha20-Poly1305 (RFC 7634). */
function wholeTag(aead: NobleAead, key: Uint8Array): AeadPrimitive {
  return {
    seal(nonce, aad, memory, textOffset, icvOffset): void {
      const text = memory.subarray(textOffset, icvOffset);
      memory.set(aead(key, nonce, aad).encrypt(text), textOffset);
    },
    open(nonce, aad, memory, textOffset, icvOffset): boolean {
      const sealed = memory.subarray(textOffset, icvOffset + FULL_TAG_BYTES);
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

/** AES-GCM with an ICV of 8 or 12 bytes, the first of the 16 (RFC 4106 §6).
 * noble verifies whole tags only: so the text is decrypted in counter mode and sealed again to compare the tags,
 * which takes twice as long.
 */
function shortGcm(key: Uint8Array, tagBytes: number): AeadPrimitive {
  return {
    seal(nonce, aad, memory, textOffset, icvOffset): void {
      const sealed = gcm(key, nonce, aad).encrypt(memory.subarray(textOffset, icvOffset));
      memory.set(sealed.subarray(0, icvOffset - textOffset + tagBytes), textOffset);
    },
    open(nonce, aad, memory, textOffset, icvOffset): boolean {
      const counter = new Uint8Array(16);
      counter.set(nonce);
      // Counter 1 masks the tag, so the text begins with 2 (NIST SP 800-38D §7.1).
      counter[15] = 2;
      const text = ctr(key, counter).decrypt(memory.subarray(textOffset, icvOffset));
      const tag = gcm(key, nonce, aad).encrypt(text).subarray(text.length);
      if (!constantTimeEqualAt(memory, icvOffset, tag, tagBytes)) return false;
      memory.set(text, textOffset);
      return true;
    },
  };
}

interface Mode {
  encrypt(iv: Uint8Array, text: Uint8Array): Uint8Array;
  decrypt(iv: Uint8Array, text: Uint8Array): Uint8Array;
}

/** AES-CBC without padding of its own. @see RFC 3602 */
function blockMode(key: Uint8Array): Mode {
  return {
    encrypt: (iv, text) => cbc(key, iv, { disablePadding: true }).encrypt(text),
    decrypt: (iv, text) => cbc(key, iv, { disablePadding: true }).decrypt(text),
  };
}

/** AES-CTR. @see RFC 3686 §2.1 */
function counterMode(key: Uint8Array, salt: Uint8Array): Mode {
  const apply = (iv: Uint8Array, text: Uint8Array): Uint8Array =>
    ctr(key, ctrBlock(salt, iv)).encrypt(text);
  return { encrypt: apply, decrypt: apply };
}
