import {
  DerTag,
  KeyMaterial,
  readDer,
  readDerValues,
  readWholeDer,
  writeDer,
} from '@ipsec-kit/crypto';
import { type PasswordFault, type Unlocking, unlockPkcs8 } from './password-decryption.ts';
import { readPem } from './pem.ts';
import { readPkcs12 } from './pkcs12.ts';

/** Longest file of keys and certificates that is read. */
export const MAX_KEY_FILE_BYTES = 1_048_576;

/** With what a file is opened. */
export interface KeyFileOptions extends Unlocking {
  /** In UTF-8. */
  readonly password?: KeyMaterial;
}

/** Why a file of keys was not read. */
export type KeyFileError =
  | PasswordFault
  | 'needs-password'
  | 'too-large'
  /** There is neither a key nor a certificate in it. */
  | 'malformed';

/** What a file holds: private keys in PKCS #8, certificates in DER, in their order. Or why it was not read. */
export type KeyFileResult =
  | {
      readonly ok: true;
      readonly keys: readonly KeyMaterial[];
      readonly certificates: readonly Uint8Array[];
    }
  | { readonly ok: false; readonly code: KeyFileError; readonly sentence: string };

/** Reads private keys and certificates from a file in PEM (PKCS #8, encrypted or not; the older RSA and EC forms; certificates),
 * DER (the same), or PKCS #12. Encryption is PBES2 with PBKDF2 and AES, as everything of today writes it, or with `oldCiphers` 3DES
 * and RC2 under PKCS #12's own derivation, as Windows, macOS and old phones do.
 * @param file - its bytes. @returns never rejects, and says nothing of what is in the file.
 * @see RFC 7468, RFC 5958, RFC 5915, RFC 8018 §6.2, RFC 7292
 */
export async function readKeyFile(
  file: Uint8Array,
  options: KeyFileOptions,
): Promise<KeyFileResult> {
  if (file.length > MAX_KEY_FILE_BYTES) return refuse('too-large');
  const text = pemText(file);
  if (text === undefined) return readBlob(file, options);
  const keys: KeyMaterial[] = [];
  const certificates: Uint8Array[] = [];
  for (const { label, hasHeaders, der } of readPem(text) ?? []) {
    if (!/^(|RSA |EC |ENCRYPTED )PRIVATE KEY$|^CERTIFICATE$/.test(label)) continue;
    // The headers are those of the encryption of before PKCS #8, which hashes the password with MD5 once.
    if (hasHeaders) return refuse('old-encryption');
    const read = await readBlob(der, options);
    if (!read.ok) return read;
    keys.push(...read.keys);
    certificates.push(...read.certificates);
  }
  return keys.length + certificates.length > 0
    ? { ok: true, keys, certificates }
    : refuse('malformed');
}

async function readBlob(der: Uint8Array, options: KeyFileOptions): Promise<KeyFileResult> {
  const { password } = options;
  switch (shapeOf(der)) {
    case 'pkcs8':
      return key(Uint8Array.from(der));
    case 'rsa':
      return key(wrapRsa(der));
    case 'ec': {
      const wrapped = wrapEc(der);
      return wrapped ? key(wrapped) : refuse('malformed');
    }
    case 'certificate':
      return { ok: true, keys: [], certificates: [Uint8Array.from(der)] };
    case 'encrypted': {
      if (password === undefined) return refuse('needs-password');
      const unlocked = await unlockPkcs8(der, password, options);
      if (typeof unlocked === 'string') return refuse(unlocked);
      // One time in 256 a wrong password leaves bytes that only look whole.
      const isKey = shapeOf(unlocked.reveal()) === 'pkcs8';
      return isKey ? { ok: true, keys: [unlocked], certificates: [] } : refuse('wrong-password');
    }
    default: {
      if (password === undefined) return refuse(isPkcs12(der) ? 'needs-password' : 'malformed');
      const read = await readPkcs12(der, password, options);
      return typeof read === 'string' ? refuse(read) : { ok: true, ...read };
    }
  }
}

/** What the first values of a structure say that it is. */
function shapeOf(der: Uint8Array): 'pkcs8' | 'rsa' | 'ec' | 'certificate' | 'encrypted' | 'other' {
  const outer = readWholeDer(der, DerTag.SEQUENCE);
  const [first, second, third] = (outer && readDerValues(outer.contents, 16)) ?? [];
  const tags = [first, second, third].map((value) => value?.tag);
  const isInteger = tags[0] === DerTag.INTEGER && first?.contents.length === 1;
  const version = isInteger ? first?.contents[0] : undefined;
  const isVersion = version === 0 || version === 1;
  if (isVersion && tags[1] === DerTag.SEQUENCE && tags[2] === DerTag.OCTET_STRING) return 'pkcs8';
  if (version === 0 && tags[1] === DerTag.INTEGER) return 'rsa';
  if (version === 1 && tags[1] === DerTag.OCTET_STRING) return 'ec';
  if (tags[0] !== DerTag.SEQUENCE) return 'other';
  if (tags[1] === DerTag.OCTET_STRING) return 'encrypted';
  return tags[1] === DerTag.SEQUENCE && tags[2] === DerTag.BIT_STRING ? 'certificate' : 'other';
}

/** Whether a file is PKCS #12: a PFX begins with version 3; its length need not be in the form of DER. @see RFC 7292 §4 */
export function isPkcs12(file: Uint8Array): boolean {
  const length = file[1] ?? 0;
  const at = length > 0x80 ? 2 + (length & 0x7f) : 2;
  const isVersion = file[at] === DerTag.INTEGER && file[at + 1] === 1 && file[at + 2] === 3;
  return file[0] === DerTag.SEQUENCE && isVersion;
}

const RSA: Uint8Array = /* @__PURE__ */ Uint8Array.of(42, 134, 72, 134, 247, 13, 1, 1, 1);
const EC: Uint8Array = /* @__PURE__ */ Uint8Array.of(42, 134, 72, 206, 61, 2, 1);
const ZERO: Uint8Array = /* @__PURE__ */ Uint8Array.of(DerTag.INTEGER, 1, 0);
const EC_PARAMETERS = 0xa0;

function wrapRsa(der: Uint8Array): Uint8Array {
  return wrap(RSA, writeDer(DerTag.NULL), der);
}

/** The curve stands inside. @see RFC 5915 §3 */
function wrapEc(der: Uint8Array): Uint8Array | undefined {
  const outer = readDer(der, 0);
  const fields = outer && readDerValues(outer.contents, 4);
  const curve = fields?.find(({ tag }) => tag === EC_PARAMETERS)?.contents;
  return curve && wrap(EC, curve, der);
}

function wrap(oid: Uint8Array, parameters: Uint8Array, der: Uint8Array): Uint8Array {
  const id = writeDer(DerTag.OBJECT_IDENTIFIER, oid);
  const algorithm = writeDer(DerTag.SEQUENCE, id, parameters);
  return writeDer(DerTag.SEQUENCE, ZERO, algorithm, writeDer(DerTag.OCTET_STRING, der));
}

function pemText(file: Uint8Array): string | undefined {
  let text = '';
  for (let at = 0; at < file.length; at += 4096) {
    text += String.fromCharCode(...file.subarray(at, at + 4096));
  }
  return text.includes('-----BEGIN ') ? text : undefined;
}

function key(pkcs8: Uint8Array): KeyFileResult {
  return { ok: true, keys: [new KeyMaterial(pkcs8)], certificates: [] };
}

const SENTENCES: Readonly<Record<KeyFileError, string>> = {
  'needs-password': 'The file is encrypted: give its password.',
  'wrong-password': 'The password of the file is wrong.',
  'old-encryption':
    'The file is encrypted in an old way that is not supported; write it anew, with `openssl pkcs8 -topk8` or, for PKCS #12, ' +
    '`openssl pkcs12 -legacy` and then `openssl pkcs12 -export`.',
  'too-slow': 'The file asks for more rounds of password hashing than are sensible.',
  'too-large': 'The file is longer than 1 MB, which no key is.',
  malformed: 'The file holds no private key and no certificate in PEM, PKCS #8 or PKCS #12.',
};

function refuse(code: KeyFileError): KeyFileResult {
  return { ok: false, code, sentence: SENTENCES[code] };
}
