import {
  type CipherCCMTypes,
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
} from 'node:crypto';
import { cipherShapeOf, resolveSuite } from '../cipher-shape.ts';
import type { KeyMaterial } from '../key-material.ts';
import {
  type AeadPrimitive,
  createAeadCipher,
  createEncryptThenMac,
  ctrBlock,
} from '../packet-cipher.ts';
import type { CipherSuite, PacketCipher } from '../provider.ts';
import { createNodeMac } from './node-mac.ts';

/** A packet cipher on node:crypto; key objects are made once, here.
 * @throws RangeError for a suite that is not provided and for keys of other lengths than its shape says.
 */
export function createNodePacketCipher(
  suite: CipherSuite,
  keys: { readonly encryption: KeyMaterial; readonly integrity: KeyMaterial },
): PacketCipher {
  const { shape, cipher, integrity } = resolveSuite(suite, keys, cipherShapeOf);
  const keyAndSalt = keys.encryption.reveal();
  const keyBytes = suite.keyBits / 8;
  const key = createSecretKey(keyAndSalt.subarray(0, keyBytes));
  const salt = keyAndSalt.slice(keyBytes);
  if (integrity) {
    const mac = createNodeMac(integrity.mac, keys.integrity.reveal());
    return createEncryptThenMac(shape, { ...mode(cipher.kind, suite.keyBits, key, salt), mac });
  }
  const options = { authTagLength: shape.icvBytes };
  switch (cipher.kind) {
    case 'aes-ccm':
      return createAeadCipher(
        shape,
        salt,
        ccm(`aes-${suite.keyBits}-ccm` as CipherCCMTypes, key, options),
      );
    case 'aes-gcm':
      return createAeadCipher(shape, salt, aead(`aes-${suite.keyBits}-gcm`, key, options));
    default:
      return createAeadCipher(shape, salt, aead('chacha20-poly1305', key, options));
  }
}

interface TagLength {
  readonly authTagLength: number;
}

/** AES-GCM (RFC 4106) or ChaCha20-Poly1305 (RFC 7634). */
function aead(name: string, key: KeyObject, options: TagLength): AeadPrimitive {
  const algorithm = name as CipherGCMTypes;
  return {
    seal(nonce, aad, memory, textOffset, icvOffset): void {
      const cipher = createCipheriv(algorithm, key, nonce, options);
      cipher.setAAD(aad);
      memory.set(cipher.update(memory.subarray(textOffset, icvOffset)), textOffset);
      cipher.final();
      memory.set(cipher.getAuthTag(), icvOffset);
    },
    open(nonce, aad, memory, textOffset, icvOffset): boolean {
      const decipher = createDecipheriv(algorithm, key, nonce, options);
      decipher.setAAD(aad);
      decipher.setAuthTag(memory.subarray(icvOffset, icvOffset + options.authTagLength));
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

/** AES-CCM, which has to know the length of the text beforehand and verifies in `update`. @see RFC 4309 */
function ccm(algorithm: CipherCCMTypes, key: KeyObject, options: TagLength): AeadPrimitive {
  return {
    seal(nonce, aad, memory, textOffset, icvOffset): void {
      const cipher = createCipheriv(algorithm, key, nonce, options);
      cipher.setAAD(aad, { plaintextLength: icvOffset - textOffset });
      memory.set(cipher.update(memory.subarray(textOffset, icvOffset)), textOffset);
      cipher.final();
      memory.set(cipher.getAuthTag(), icvOffset);
    },
    open(nonce, aad, memory, textOffset, icvOffset): boolean {
      const decipher = createDecipheriv(algorithm, key, nonce, options);
      decipher.setAuthTag(memory.subarray(icvOffset, icvOffset + options.authTagLength));
      decipher.setAAD(aad, { plaintextLength: icvOffset - textOffset });
      try {
        const text = decipher.update(memory.subarray(textOffset, icvOffset));
        decipher.final();
        memory.set(text, textOffset);
      } catch {
        return false;
      }
      return true;
    },
  };
}

interface Mode {
  encrypt(iv: Uint8Array, text: Uint8Array): Uint8Array;
  decrypt(iv: Uint8Array, text: Uint8Array): Uint8Array;
}

/** AES-CBC (RFC 3602), 3DES-CBC (RFC 2451) or AES-CTR (RFC 3686), without padding of their own. */
function mode(kind: string, keyBits: number, key: KeyObject, salt: Uint8Array): Mode {
  const isCounter = kind === 'aes-ctr';
  const algorithm = kind === '3des-cbc' ? 'des-ede3-cbc' : `aes-${keyBits}-${kind.slice(-3)}`;
  const block = (iv: Uint8Array): Uint8Array => (isCounter ? ctrBlock(salt, iv) : iv);
  return {
    encrypt: (iv, text) =>
      createCipheriv(algorithm, key, block(iv)).setAutoPadding(false).update(text),
    decrypt: (iv, text) =>
      createDecipheriv(algorithm, key, block(iv)).setAutoPadding(false).update(text),
  };
}
