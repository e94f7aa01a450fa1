import type { CryptoProvider, KeyMaterial } from '@ipsec-kit/crypto';
import { BmpString, OctetString } from 'asn1js';
import {
  Attribute,
  AuthenticatedSafe,
  CertBag,
  Certificate,
  PFX,
  SafeBag,
  SafeContents,
} from 'pkijs';
import { engineOf } from '../password-decryption.ts';
import { encryptionWith, lockedBag, type PlatformCrypto } from './lock-pkcs8.ts';

/** What goes into a PKCS #12 file. */
export interface Pkcs12Entry {
  /** What the file is called where it is imported. */
  readonly friendlyName: string;
  /** PrivateKeyInfo in DER. */
  readonly key: KeyMaterial;
  /** In DER: the certificate of the key first, then those of CAs. */
  readonly certificates: readonly Uint8Array[];
}

const OID = {
  SHROUDED_KEY_BAG: '1.2.840.113549.1.12.10.1.2',
  CERTIFICATE_BAG: '1.2.840.113549.1.12.10.1.3',
  FRIENDLY_NAME: '1.2.840.113549.1.9.20',
  LOCAL_KEY_ID: '1.2.840.113549.1.9.21',
} as const;
/** Each round is a call to the platform of its own. */
const MAC_ROUNDS = 2_048;

/** Writes a PKCS #12 file as OpenSSL 3 does: AES-256-CBC under PBES2 with PBKDF2, MAC with HMAC-SHA-256.
 * @param password - printable ASCII, since readers do not agree about other letters.
 * @returns the file. @throws RangeError for other letters, or none. @see RFC 7292 §4, RFC 8018 §6.2
 */
export async function writePkcs12(
  entry: Pkcs12Entry,
  password: KeyMaterial,
  webCrypto: PlatformCrypto,
  crypto: Pick<CryptoProvider, 'sha1'>,
): Promise<Uint8Array> {
  const letters = password.reveal();
  if (letters.length === 0 || !letters.every((byte) => byte >= 0x20 && byte < 0x7f)) {
    throw new RangeError('"password" expected printable ASCII');
  }
  const [own = new Uint8Array(0)] = entry.certificates;
  const attributes = [
    attribute(OID.FRIENDLY_NAME, new BmpString({ value: entry.friendlyName })),
    attribute(OID.LOCAL_KEY_ID, new OctetString({ valueHex: buffer(crypto.sha1(own)) })),
  ];
  const keyBag = new SafeBag({
    bagId: OID.SHROUDED_KEY_BAG,
    bagValue: await lockedBag(entry.key, password, webCrypto),
    bagAttributes: attributes,
  });
  const certificateBags = entry.certificates.map(
    (der, index) =>
      new SafeBag({
        bagId: OID.CERTIFICATE_BAG,
        bagValue: new CertBag({ parsedValue: Certificate.fromBER(buffer(der)) }),
        ...(index === 0 ? { bagAttributes: attributes } : {}),
      }),
  );
  const safe = new AuthenticatedSafe({
    parsedValue: {
      safeContents: [
        { privacyMode: 0, value: new SafeContents({ safeBags: [keyBag] }) },
        { privacyMode: 1, value: new SafeContents({ safeBags: certificateBags }) },
      ],
    },
  });
  const engine = engineOf(webCrypto);
  await safe.makeInternalValues({ safeContents: [{}, encryptionWith(password)] }, engine);
  const pfx = new PFX({ parsedValue: { integrityMode: 0, authenticatedSafe: safe } });
  const mac = {
    password: buffer(letters),
    iterations: MAC_ROUNDS,
    pbkdf2HashAlgorithm: 'SHA-256',
    hmacHashAlgorithm: 'SHA-256',
  };
  await pfx.makeInternalValues(mac, engine);
  return new Uint8Array(pfx.toSchema().toBER());
}

function attribute(type: string, value: BmpString | OctetString): Attribute {
  return new Attribute({ type, values: [value] });
}

function buffer(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
