import { KeyMaterial } from '@ipsec-kit/crypto';
import { OctetString } from 'asn1js';
import {
  type AuthenticatedSafe,
  CertBag,
  type ContentInfo,
  EncryptedData,
  PFX,
  PKCS8ShroudedKeyBag,
  PrivateKeyInfo,
  SafeContents,
} from 'pkijs';
import {
  engineOf,
  type PasswordFault,
  type Unlocking,
  unlockBag,
  unlockContent,
} from './password-decryption.ts';

/** Each is a call of its own to the platform: some seconds. */
const MAX_MAC_ROUNDS = 100_000;
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6';

/** Keys in PKCS #8, certificates in DER. */
export interface Pkcs12Contents {
  readonly keys: readonly KeyMaterial[];
  readonly certificates: readonly Uint8Array[];
}

/** Reads a PKCS #12 file that is protected with a password, in BER. Its MAC is checked first, so that a wrong password is told from
 * damage. Never rejects. @see RFC 7292 §4, §5.1
 */
export async function readPkcs12(
  file: Uint8Array,
  password: KeyMaterial,
  unlocking: Unlocking,
): Promise<Pkcs12Contents | PasswordFault | 'malformed'> {
  let pfx: PFX;
  try {
    pfx = PFX.fromBER(Uint8Array.from(file).buffer);
  } catch {
    return 'malformed';
  }
  // Without a MAC it would be signed, which needs somebody's certificate to believe in.
  if (pfx.macData === undefined) return 'malformed';
  if ((pfx.macData.iterations ?? 1) > MAX_MAC_ROUNDS) return 'too-slow';
  try {
    const bytes = Uint8Array.from(password.reveal()).buffer;
    await pfx.parseInternalValues(
      { password: bytes, checkIntegrity: true },
      engineOf(unlocking.webCrypto),
    );
  } catch {
    return 'wrong-password';
  }
  try {
    const safe = pfx.parsedValue?.authenticatedSafe;
    return safe ? await openSafe(safe, password, unlocking) : 'malformed';
  } catch {
    return 'malformed';
  }
}

async function openSafe(
  safe: AuthenticatedSafe,
  password: KeyMaterial,
  unlocking: Unlocking,
): Promise<Pkcs12Contents | PasswordFault> {
  const keys: KeyMaterial[] = [];
  const certificates: Uint8Array[] = [];
  for (const info of safe.safeContents) {
    const contents = await openContents(info, password, unlocking);
    if (typeof contents === 'string') return contents;
    for (const { bagValue } of contents.safeBags) {
      if (bagValue instanceof PKCS8ShroudedKeyBag) {
        const key = await unlockBag(bagValue, password, unlocking);
        if (typeof key === 'string') return key;
        keys.push(key);
      } else if (bagValue instanceof PrivateKeyInfo) {
        keys.push(new KeyMaterial(new Uint8Array(bagValue.toSchema().toBER())));
      } else if (bagValue instanceof CertBag && bagValue.certValue instanceof OctetString) {
        certificates.push(new Uint8Array(bagValue.certValue.getValue()));
      }
    }
  }
  return { keys, certificates };
}

/** @throws what pkijs throws for what is malformed, and for what is protected with a certificate instead of a password. */
async function openContents(
  { contentType, content }: ContentInfo,
  password: KeyMaterial,
  unlocking: Unlocking,
): Promise<SafeContents | PasswordFault> {
  if (contentType !== ENCRYPTED_DATA) {
    if (!(content instanceof OctetString)) throw new TypeError('no contents');
    return SafeContents.fromBER(content.getValue());
  }
  const encrypted = new EncryptedData({ schema: content });
  const plain = await unlockContent(encrypted.encryptedContentInfo, password, unlocking);
  return typeof plain === 'string' ? plain : SafeContents.fromBER(plain);
}
