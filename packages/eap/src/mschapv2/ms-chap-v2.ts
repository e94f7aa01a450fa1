import { type CryptoProvider, KeyMaterial } from '@ipsec-kit/crypto';
import { desEncrypt } from '../legacy/des.ts';
import { md4 } from '../legacy/message-digest.ts';

/** What both ends know of one run of MS-CHAP-V2. */
export interface MsChapRun {
  /** 16 bytes. */
  readonly authenticatorChallenge: Uint8Array;
  /** 16 bytes. */
  readonly peerChallenge: Uint8Array;
  /** The user's name as the peer sent it; a domain in front of a backslash does not count (RFC 2759 §4). */
  readonly userName: Uint8Array;
}

const BACKSLASH = 0x5c;
const MAX_PASSWORD_CHARACTERS = 256;

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** @see RFC 2759 §8.7 */
const MAGIC_SERVER_1: Uint8Array = /* @__PURE__ */ ascii('Magic server to client signing constant');
const MAGIC_SERVER_2: Uint8Array = /* @__PURE__ */ ascii(
  'Pad to make it do more than one iteration',
);
/** @see RFC 3079 §3.4 */
const MAGIC_MASTER: Uint8Array = /* @__PURE__ */ ascii('This is the MPPE Master Key');
const MAGIC_PEER_SENDS: Uint8Array = /* @__PURE__ */ ascii(
  'On the client side, this is the send key; on the server side, it is the receive key.',
);
const MAGIC_PEER_RECEIVES: Uint8Array = /* @__PURE__ */ ascii(
  'On the client side, this is the receive key; on the server side, it is the send key.',
);
const PAD_1 = new Uint8Array(40);
const PAD_2: Uint8Array = /* @__PURE__ */ new Uint8Array(40).fill(0xf2);

/** NtPasswordHash: MD4 of the password in UTF-16, little-endian. It is as good as the password: keep it as secret.
 * @param password - in UTF-8, at most 256 characters.
 * @returns `undefined` when it is not UTF-8, or longer. @see RFC 2759 §8.3
 */
export function ntPasswordHash(password: KeyMaterial): KeyMaterial | undefined {
  const unicode = utf16OfUtf8(password.reveal());
  if (unicode === undefined || unicode.length > 2 * MAX_PASSWORD_CHARACTERS) return undefined;
  const hash = new KeyMaterial(md4(unicode));
  unicode.fill(0);
  return hash;
}

/** GenerateNTResponse: the 24 bytes with which the peer shows that it knows the password. @see RFC 2759 §8.1 */
export function ntResponse(
  crypto: Pick<CryptoProvider, 'sha1'>,
  run: MsChapRun,
  passwordHash: KeyMaterial,
): Uint8Array {
  const challenge = challengeHash(crypto, run);
  const keys = new Uint8Array(21);
  keys.set(passwordHash.reveal());
  const response = new Uint8Array(24);
  for (let i = 0; i < 3; i += 1) {
    response.set(desEncrypt(keys.subarray(7 * i, 7 * i + 7), challenge), 8 * i);
  }
  keys.fill(0);
  return response;
}

/** GenerateAuthenticatorResponse: the 20 bytes with which the authenticator shows that it knows the password too. @see RFC 2759 §8.7 */
export function authenticatorResponse(
  crypto: Pick<CryptoProvider, 'sha1'>,
  run: MsChapRun,
  passwordHash: KeyMaterial,
  response: Uint8Array,
): Uint8Array {
  const hashHash = md4(passwordHash.reveal());
  const digest = crypto.sha1(hashHash, response, MAGIC_SERVER_1);
  hashHash.fill(0);
  return crypto.sha1(digest, challengeHash(crypto, run), MAGIC_SERVER_2);
}

/** The MSK of EAP-MSCHAPv2, 64 bytes: what the authenticator receives with, what it sends with, zeros.
 * @see RFC 3079 §3.3, §3.4 (keys of 128 bits)
 */
export function msChapMsk(
  crypto: Pick<CryptoProvider, 'sha1'>,
  passwordHash: KeyMaterial,
  response: Uint8Array,
): KeyMaterial {
  const hashHash = md4(passwordHash.reveal());
  const master = crypto.sha1(hashHash, response, MAGIC_MASTER).subarray(0, 16);
  hashHash.fill(0);
  const half = (magic: Uint8Array): Uint8Array =>
    crypto.sha1(master, PAD_1, magic, PAD_2).subarray(0, 16);
  const msk = new Uint8Array(64);
  msk.set(half(MAGIC_PEER_SENDS));
  msk.set(half(MAGIC_PEER_RECEIVES), 16);
  master.fill(0);
  return new KeyMaterial(msk);
}

/** @see RFC 2759 §8.2 */
function challengeHash(crypto: Pick<CryptoProvider, 'sha1'>, run: MsChapRun): Uint8Array {
  const name = run.userName.subarray(run.userName.lastIndexOf(BACKSLASH) + 1);
  return crypto.sha1(run.peerChallenge, run.authenticatorChallenge, name).slice(0, 8);
}

/** UTF-16, little-endian; `undefined` when the bytes are not UTF-8. @see RFC 3629 §4 */
function utf16OfUtf8(bytes: Uint8Array): Uint8Array | undefined {
  const units: number[] = [];
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i] ?? 0;
    const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length === 0 || first > 0xf4 || i + length > bytes.length) return undefined;
    let point = length === 1 ? first : first & (0x7f >> length);
    for (let k = 1; k < length; k += 1) {
      const next = bytes[i + k] ?? 0;
      if ((next & 0xc0) !== 0x80) return undefined;
      point = (point << 6) | (next & 0x3f);
    }
    if (point < (SMALLEST[length] ?? 0) || point > 0x10ffff) return undefined;
    if (point >= 0xd800 && point < 0xe000) return undefined;
    if (point < 0x10000) units.push(point);
    else units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
    i += length;
  }
  return Uint8Array.from(units.flatMap((unit) => [unit & 0xff, unit >> 8]));
}

/** The smallest character that needs so many bytes. */
const SMALLEST: readonly number[] = [0, 0, 0x80, 0x800, 0x10000];
