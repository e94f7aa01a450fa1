import type { KeyMaterial } from '@ipsec-kit/crypto';
import { OctetString } from 'asn1js';
import { PKCS8ShroudedKeyBag, PrivateKeyInfo } from 'pkijs';
import { engineOf, type WebCrypto } from '../password-decryption.ts';

/** The Web Cryptography API with its source of randomness: `globalThis.crypto`, or `webcrypto` of `node:crypto`. */
export interface PlatformCrypto extends WebCrypto {
  getRandomValues(array: Uint8Array): unknown;
}

/** Rounds of PBKDF2 with SHA-256: some tenths of a second. */
const PASSWORD_ROUNDS = 600_000;

/** Encrypts a private key with a password: PBES2, PBKDF2 with HMAC-SHA-256, AES-256-CBC.
 * @param pkcs8 - PrivateKeyInfo in DER.
 * @returns an EncryptedPrivateKeyInfo in DER, which OpenSSL and strongSwan read.
 * @see RFC 5958 §3, RFC 8018 §6.2
 */
export async function lockPkcs8(
  pkcs8: KeyMaterial,
  password: KeyMaterial,
  webCrypto: PlatformCrypto,
): Promise<Uint8Array> {
  const bag = await lockedBag(pkcs8, password, webCrypto);
  return new Uint8Array(bag.toSchema().toBER());
}

/** The same, for a PKCS #12 file. */
export async function lockedBag(
  pkcs8: KeyMaterial,
  password: KeyMaterial,
  webCrypto: PlatformCrypto,
): Promise<PKCS8ShroudedKeyBag> {
  const bag = new PKCS8ShroudedKeyBag({
    parsedValue: PrivateKeyInfo.fromBER(Uint8Array.from(pkcs8.reveal()).buffer),
  });
  await bag.makeInternalValues(encryptionWith(password), engineOf(webCrypto));
  // Some readers know an OCTET STRING in one piece only, as DER has it.
  bag.encryptedData = new OctetString({ valueHex: bag.encryptedData.getValue() });
  return bag;
}

/** How everything here is encrypted, as pkijs wants to be told. */
export function encryptionWith(password: KeyMaterial): {
  readonly password: ArrayBuffer;
  readonly contentEncryptionAlgorithm: {
    name: 'AES-CBC';
    length: 256;
    iv: Uint8Array<ArrayBuffer>;
  };
  readonly hmacHashAlgorithm: string;
  readonly iterationCount: number;
} {
  return {
    password: Uint8Array.from(password.reveal()).buffer,
    // The vector is drawn by pkijs, from the platform.
    contentEncryptionAlgorithm: { name: 'AES-CBC', length: 256, iv: new Uint8Array(16) },
    hmacHashAlgorithm: 'SHA-256',
    iterationCount: PASSWORD_ROUNDS,
  };
}
