import { DerTag, type KeyMaterial, readDerValues, readWholeDer } from '@ipsec-kit/crypto';
import { decipherRc2 } from './rc2.ts';

/** What old files take that neither the Web Cryptography API nor this package has. */
export interface OldCiphers {
  sha1(data: Uint8Array): Uint8Array;
  /** 3DES in CBC mode with the padding taken off; `undefined` where that is not right. @param key - 24 bytes. @param iv - 8 bytes. */
  decipherTripleDes(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array | undefined;
}

/** How PKCS #12 files were encrypted before PBES2, and still are by Windows, macOS and old phones. @see RFC 7292 Appendix C */
const SCHEMES: Readonly<
  Record<string, { readonly cipher: '3des' | 'rc2'; readonly keyBytes: number }>
> = {
  '1.2.840.113549.1.12.1.3': { cipher: '3des', keyBytes: 24 },
  '1.2.840.113549.1.12.1.4': { cipher: '3des', keyBytes: 16 },
  '1.2.840.113549.1.12.1.5': { cipher: 'rc2', keyBytes: 16 },
  '1.2.840.113549.1.12.1.6': { cipher: 'rc2', keyBytes: 5 },
};

const BLOCK_BYTES = 8;
/** Two seconds. */
const MAX_ROUNDS = 100_000;
const KEY = 1;
const IV = 2;
/** Of SHA-1. */
const HASH_BLOCK_BYTES = 64;

/** Whether an algorithm is one of those. @param algorithm - OBJECT IDENTIFIER in dotted decimal. */
export function isOldScheme(algorithm: string): boolean {
  return algorithm in SCHEMES;
}

/** Something that is encrypted in an old way. */
export interface OldEncryption {
  /** OBJECT IDENTIFIER in dotted decimal. */
  readonly algorithm: string;
  /** In DER: salt and number of rounds. */
  readonly parameters: Uint8Array;
  readonly data: Uint8Array;
}

/** Decrypts it. @returns `undefined` for a wrong password, mostly, and for what is malformed; `too-slow` for too many rounds. */
export function decryptOld(
  { algorithm, parameters, data }: OldEncryption,
  password: KeyMaterial,
  ciphers: OldCiphers,
): Uint8Array | 'too-slow' | undefined {
  const scheme = SCHEMES[algorithm];
  const sequence = readWholeDer(parameters, DerTag.SEQUENCE);
  const [salt, count] = (sequence && readDerValues(sequence.contents, 2)) ?? [];
  if (!scheme || salt?.tag !== DerTag.OCTET_STRING || count?.tag !== DerTag.INTEGER)
    return undefined;
  const rounds = count.contents.reduce((sum, byte) => sum * 256 + byte, 0);
  if (rounds > MAX_ROUNDS) return 'too-slow';
  if (data.length === 0 || data.length % BLOCK_BYTES !== 0) return undefined;
  const from = { password: bmpString(password.reveal()), salt: salt.contents, rounds };
  const key = derive({ ...from, purpose: KEY, length: scheme.keyBytes }, ciphers);
  const iv = derive({ ...from, purpose: IV, length: BLOCK_BYTES }, ciphers);
  if (scheme.cipher === 'rc2') return withoutPadding(decipherRc2(key, iv, data));
  // With two keys the first one is the third as well.
  const whole = Uint8Array.from([...key, ...key].slice(0, 24));
  return ciphers.decipherTripleDes(whole, iv, data);
}

interface Derivation {
  readonly password: Uint8Array;
  readonly salt: Uint8Array;
  readonly rounds: number;
  readonly purpose: number;
  readonly length: number;
}

/** Key or IV of a password. @see RFC 7292 Appendix B.2 */
function derive(
  { password, salt, rounds, purpose, length }: Derivation,
  { sha1 }: OldCiphers,
): Uint8Array {
  const diversifier = new Uint8Array(HASH_BLOCK_BYTES).fill(purpose);
  const input = Uint8Array.from([...filled(salt), ...filled(password)]);
  const result: number[] = [];
  while (result.length < length) {
    let hash = sha1(Uint8Array.from([...diversifier, ...input]));
    for (let i = 1; i < rounds; i += 1) hash = sha1(hash);
    result.push(...hash);
    for (let at = 0; at < input.length; at += HASH_BLOCK_BYTES) {
      addTo(input.subarray(at, at + HASH_BLOCK_BYTES), hash);
    }
  }
  return Uint8Array.from(result.slice(0, length));
}

/** Adds a hash, repeated, and one, to a block: as numbers, without what is carried out of it. */
function addTo(block: Uint8Array, hash: Uint8Array): void {
  let carry = 1;
  for (let i = block.length - 1; i >= 0; i -= 1) {
    carry += (block[i] ?? 0) + (hash[i % hash.length] ?? 0);
    block[i] = carry & 0xff;
    carry >>= 8;
  }
}

/** Repeated until whole blocks are full. */
function filled(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / HASH_BLOCK_BYTES);
  return Uint8Array.from(
    { length: blocks * HASH_BLOCK_BYTES },
    (_, i) => bytes[i % bytes.length] ?? 0,
  );
}

/** UTF-8 as UTF-16 with a zero at the end. @see RFC 7292 Appendix B.1 */
function bmpString(utf8: Uint8Array): Uint8Array {
  const escaped = Array.from(utf8, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  let text: string;
  try {
    text = decodeURIComponent(escaped);
  } catch {
    text = String.fromCharCode(...utf8);
  }
  const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  return Uint8Array.from([...units, 0].flatMap((unit) => [unit >> 8, unit & 0xff]));
}

/** @see RFC 8018 §6.1.1 */
function withoutPadding(text: Uint8Array): Uint8Array | undefined {
  const last = text.at(-1) ?? 0;
  const padding = text.subarray(text.length - last);
  const isRight = last >= 1 && last <= BLOCK_BYTES && padding.every((byte) => byte === last);
  return isRight ? text.subarray(0, text.length - last) : undefined;
}
