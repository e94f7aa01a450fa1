import { KeyMaterial } from '@ipsec-kit/crypto';
import {
  type AlgorithmIdentifier,
  CryptoEngine,
  EncryptedContentInfo,
  PBES2Params,
  PBKDF2Params,
  PKCS8ShroudedKeyBag,
} from 'pkijs';
import { decryptOld, isOldScheme, type OldCiphers } from './old-encryption.ts';

/** The Web Cryptography API as platforms have it; passed on, and not looked into. */
export interface WebCrypto {
  readonly subtle: object;
}

/** With what a password opens something. */
export interface Unlocking {
  /** `globalThis.crypto`, or `webcrypto` of `node:crypto`: for PBKDF2 and AES. */
  readonly webCrypto: WebCrypto;
  /** For what was encrypted before PBES2; absent: that stays closed. `nodeOldCiphers` of `@ipsec-kit/x509/node`. */
  readonly oldCiphers?: OldCiphers;
}

/** Why something stays encrypted. */
export type PasswordFault = 'wrong-password' | 'old-encryption' | 'too-slow';

/** Most rounds of PBKDF2: a second or two. */
const MAX_PASSWORD_ROUNDS = 2_000_000;

const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';
const DATA = '1.2.840.113549.1.7.1';

/** What pkijs asks of the platform. */
export function engineOf(webCrypto: WebCrypto): CryptoEngine {
  return new CryptoEngine({ name: 'given', crypto: webCrypto });
}

/** Whether an algorithm is PBES2 with PBKDF2, and of how many rounds. @see RFC 8018 §6.2, §A.2 */
function encryptionFault(algorithm: AlgorithmIdentifier): PasswordFault | undefined {
  if (algorithm.algorithmId !== PBES2) return 'old-encryption';
  const { keyDerivationFunc } = new PBES2Params({ schema: algorithm.algorithmParams });
  if (keyDerivationFunc.algorithmId !== PBKDF2) return 'old-encryption';
  const { iterationCount } = new PBKDF2Params({ schema: keyDerivationFunc.algorithmParams });
  return iterationCount > MAX_PASSWORD_ROUNDS ? 'too-slow' : undefined;
}

/** Decrypts an EncryptedPrivateKeyInfo. Never rejects. @see RFC 5958 §3 */
export async function unlockPkcs8(
  der: Uint8Array,
  password: KeyMaterial,
  unlocking: Unlocking,
): Promise<KeyMaterial | PasswordFault> {
  try {
    return await unlockBag(
      PKCS8ShroudedKeyBag.fromBER(Uint8Array.from(der).buffer),
      password,
      unlocking,
    );
  } catch {
    return 'wrong-password';
  }
}

/** The same, taken apart. @throws what pkijs and the platform throw, for a wrong password above all. */
export async function unlockBag(
  { encryptionAlgorithm, encryptedData }: PKCS8ShroudedKeyBag,
  password: KeyMaterial,
  unlocking: Unlocking,
): Promise<KeyMaterial | PasswordFault> {
  const encryptedContentInfo = new EncryptedContentInfo({
    contentType: DATA,
    contentEncryptionAlgorithm: encryptionAlgorithm,
    encryptedContent: encryptedData,
  });
  const plain = await unlockContent(encryptedContentInfo, password, unlocking);
  return typeof plain === 'string' ? plain : new KeyMaterial(new Uint8Array(plain));
}

/** The content of an EncryptedContentInfo. @throws what pkijs and the platform throw, for a wrong password above all. */
export async function unlockContent(
  encryptedContentInfo: EncryptedContentInfo,
  password: KeyMaterial,
  { webCrypto, oldCiphers }: Unlocking,
): Promise<ArrayBuffer | PasswordFault> {
  const { contentEncryptionAlgorithm: algorithm } = encryptedContentInfo;
  if (oldCiphers && isOldScheme(algorithm.algorithmId)) {
    const old = {
      algorithm: algorithm.algorithmId,
      parameters: new Uint8Array(algorithm.algorithmParams.toBER()),
      data: new Uint8Array(encryptedContentInfo.getEncryptedContent()),
    };
    const plain = decryptOld(old, password, oldCiphers);
    if (plain === undefined) throw new TypeError('not decrypted');
    return typeof plain === 'string' ? plain : Uint8Array.from(plain).buffer;
  }
  const fault = encryptionFault(algorithm);
  if (fault !== undefined) return fault;
  return engineOf(webCrypto).decryptEncryptedContentInfo({
    encryptedContentInfo,
    password: Uint8Array.from(password.reveal()).buffer,
  });
}
