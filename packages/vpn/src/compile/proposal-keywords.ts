import { Encr, Integ, Ke, Prf, TransformType } from '@ipsec-kit/crypto';
import { type Transform, TransformType as WireType } from '@ipsec-kit/ikev2-codec';

/** What a keyword of a proposal stands for. */
export interface KnownAlgorithm {
  readonly transform: Transform;
  /** A cipher that brings its own integrity. */
  readonly aead: boolean;
  /** For old peers alone. @see RFC 8247 §2, RFC 8221 §5 and §6 */
  readonly legacy: boolean;
}

const { ENCR, PRF, INTEG, KE, ESN } = TransformType;

function aes(id: number, aead: boolean, spelling: (bits: number) => readonly string[]): Keyword[] {
  return [128, 192, 256].flatMap((keyBits) =>
    spelling(keyBits).map((name): Keyword => [name, { type: ENCR, id, keyBits }, aead]),
  );
}

type Keyword = readonly [name: string, transform: Transform, kind?: boolean | 'legacy'];

/** A combined-mode cipher by the length of its ICV, in bytes or in bits. The longest may go without either. */
function aead(id: number, name: string, icvBytes: number): Keyword[] {
  return aes(id, true, (bits) => [
    `aes${bits}${name}${icvBytes}`,
    `aes${bits}${name}${icvBytes * 8}`,
    ...(icvBytes === 16 ? [`aes${bits}${name}`] : []),
  ]);
}

const keywords: readonly Keyword[] = [
  ...aes(Encr.ENCR_AES_CBC, false, (bits) => (bits === 128 ? ['aes128', 'aes'] : [`aes${bits}`])),
  ...aes(Encr.ENCR_AES_CTR, false, (bits) => [
    `aes${bits}ctr`,
    ...(bits === 128 ? ['aesctr'] : []),
  ]),
  ...aead(Encr.ENCR_AES_GCM_16, 'gcm', 16),
  ...aead(Encr.ENCR_AES_GCM_12, 'gcm', 12),
  ...aead(Encr.ENCR_AES_GCM_8, 'gcm', 8),
  ...aead(Encr.ENCR_AES_CCM_16, 'ccm', 16),
  ...aead(Encr.ENCR_AES_CCM_12, 'ccm', 12),
  ...aead(Encr.ENCR_AES_CCM_8, 'ccm', 8),
  ['chacha20poly1305', { type: ENCR, id: Encr.ENCR_CHACHA20_POLY1305 }, true],
  // Nobody else has keywords for these: ours say the algorithm and what is different about it. RFC 8750 §8
  ...aes(Encr.ENCR_AES_GCM_16_IIV, true, (bits) => [`aes${bits}gcm16iiv`]),
  ...aes(Encr.ENCR_AES_CCM_8_IIV, true, (bits) => [`aes${bits}ccm8iiv`]),
  ['chacha20poly1305iiv', { type: ENCR, id: Encr.ENCR_CHACHA20_POLY1305_IIV }, true],

  ['sha256', { type: INTEG, id: Integ.AUTH_HMAC_SHA2_256_128 }],
  ['sha2_256', { type: INTEG, id: Integ.AUTH_HMAC_SHA2_256_128 }],
  ['sha384', { type: INTEG, id: Integ.AUTH_HMAC_SHA2_384_192 }],
  ['sha2_384', { type: INTEG, id: Integ.AUTH_HMAC_SHA2_384_192 }],
  ['sha512', { type: INTEG, id: Integ.AUTH_HMAC_SHA2_512_256 }],
  ['sha2_512', { type: INTEG, id: Integ.AUTH_HMAC_SHA2_512_256 }],

  ['aesxcbc', { type: INTEG, id: Integ.AUTH_AES_XCBC_96 }],
  ['aescmac', { type: INTEG, id: Integ.AUTH_AES_CMAC_96 }],

  ['prfsha256', { type: PRF, id: Prf.PRF_HMAC_SHA2_256 }],
  ['prfsha384', { type: PRF, id: Prf.PRF_HMAC_SHA2_384 }],
  ['prfsha512', { type: PRF, id: Prf.PRF_HMAC_SHA2_512 }],
  ['prfaesxcbc', { type: PRF, id: Prf.PRF_AES128_XCBC }],
  ['prfaescmac', { type: PRF, id: Prf.PRF_AES128_CMAC }],

  ['modp2048', { type: KE, id: Ke.MODP_2048 }],
  ['modp3072', { type: KE, id: Ke.MODP_3072 }],
  ['modp4096', { type: KE, id: Ke.MODP_4096 }],
  ['modp6144', { type: KE, id: Ke.MODP_6144 }],
  ['modp8192', { type: KE, id: Ke.MODP_8192 }],
  ['ecp256', { type: KE, id: Ke.ECP_256 }],
  ['ecp384', { type: KE, id: Ke.ECP_384 }],
  ['ecp521', { type: KE, id: Ke.ECP_521 }],
  ['x25519', { type: KE, id: Ke.CURVE25519 }],
  ['curve25519', { type: KE, id: Ke.CURVE25519 }],
  ['x448', { type: KE, id: Ke.CURVE448 }],
  ['curve448', { type: KE, id: Ke.CURVE448 }],

  ['mlkem512', { type: KE, id: Ke.ML_KEM_512 }],
  ['mlkem768', { type: KE, id: Ke.ML_KEM_768 }],
  ['mlkem1024', { type: KE, id: Ke.ML_KEM_1024 }],

  ['esn', { type: ESN, id: 1 }],
  ['noesn', { type: ESN, id: 0 }],

  ['3des', { type: ENCR, id: Encr.ENCR_3DES }, 'legacy'],
  ['sha1', { type: INTEG, id: Integ.AUTH_HMAC_SHA1_96 }, 'legacy'],
  ['sha', { type: INTEG, id: Integ.AUTH_HMAC_SHA1_96 }, 'legacy'],
  ['prfsha1', { type: PRF, id: Prf.PRF_HMAC_SHA1 }, 'legacy'],
  ['modp1024', { type: KE, id: Ke.MODP_1024 }, 'legacy'],
];

const known: ReadonlyMap<string, KnownAlgorithm> = new Map(
  keywords.map(([name, transform, kind = false]) => [
    name,
    { transform, aead: kind === true, legacy: kind === 'legacy' },
  ]),
);

const sizes = (name: (bits: number) => readonly string[]): readonly string[] =>
  [128, 192, 256].flatMap(name);

/** Keywords that strongSwan knows and that must not be offered any more. @see RFC 8247 §2, RFC 8221 §5 and §6 */
const broken: ReadonlySet<string> = new Set([
  ...['null', 'des', 'blowfish', 'md5', 'md5_128', 'prfmd5', 'modpnull', 'modp768', 'modp1024s160'],
  ...sizes((bits) => [`blowfish${bits}`]),
]);

/** Keywords that strongSwan 5.9.8 knows and this version has no algorithm for. */
const unsupported: ReadonlySet<string> = new Set([
  ...['cast128', 'camellia', 'serpent', 'twofish', 'camelliactr', 'camelliaxcbc'],
  ...sizes((bits) => [`serpent${bits}`, `twofish${bits}`, `camellia${bits}`]),
  ...sizes((bits) => [`camellia${bits}ctr`, `camellia${bits}ccm`, `aes${bits}gmac`]),
  ...sizes((bits) => [8, 64, 12, 96, 16, 128].map((icv) => `camellia${bits}ccm${icv}`)),
  ...['sha1_160', 'sha256_96', 'sha2_256_96', 'prfcamelliaxcbc', 'modp1536'],
  ...['modp2048s224', 'modp2048s256', 'ecp192', 'ecp224', 'ecp224bp', 'ecp256bp', 'ecp384bp'],
  ...['ecp512bp', 'ntru112', 'ntru128', 'ntru192', 'ntru256', 'newhope128'],
]);

/** Every keyword that works, in the order of the manual. */
export const proposalKeywords: readonly string[] = keywords.map(([name]) => name);

/** Those of them that a connection takes with `legacy = yes` alone. */
export const legacyKeywords: readonly string[] = keywords
  .filter(([, , kind]) => kind === 'legacy')
  .map(([name]) => name);

const implicitIv: ReadonlySet<number> = new Set([
  Encr.ENCR_AES_GCM_16_IIV,
  Encr.ENCR_AES_CCM_8_IIV,
  Encr.ENCR_CHACHA20_POLY1305_IIV,
]);

/** Whether an encryption transform makes its IV of the sequence number of ESP. @see RFC 8750 */
export function isImplicitIv(encryption: number): boolean {
  return implicitIv.has(encryption);
}

/** Whether a keyword stands for an algorithm that is too weak for anything, so that this version does not have it. */
export function isBrokenKeyword(keyword: string): boolean {
  return broken.has(keyword);
}

/** Whether strongSwan knows the keyword, but this version does not. */
export function isUnsupportedKeyword(keyword: string): boolean {
  return unsupported.has(keyword);
}

/** The algorithm of a keyword in lower case, or `undefined`. `ke1_mlkem768` is an additional key exchange, the first of up to
 * seven, and `ke1_none` says that there need be none. @see RFC 9370 §2.2.1
 */
export function algorithmOf(keyword: string): KnownAlgorithm | undefined {
  const additional = /^ke([1-7])_(.+)$/.exec(keyword);
  if (!additional) return known.get(keyword);
  const [, place = '1', name = ''] = additional;
  const type = WireType.ADDKE1 + Number(place) - 1;
  if (name === 'none') return { transform: { type, id: 0 }, aead: false, legacy: false };
  const method = known.get(name);
  if (method?.transform.type !== KE) return undefined;
  return { ...method, transform: { type, id: method.transform.id } };
}

/** Whether a transform is an additional key exchange. @see RFC 9370 §2.2.1 */
export function isAdditional({ type }: Transform): boolean {
  return type >= WireType.ADDKE1 && type <= WireType.ADDKE7;
}

/** Whether a key exchange method is one of ML-KEM. */
export function isMlKem(method: number): boolean {
  return method === Ke.ML_KEM_512 || method === Ke.ML_KEM_768 || method === Ke.ML_KEM_1024;
}
