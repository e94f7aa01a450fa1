import { Encr, Integ, Ke, Prf, TransformType } from '@ipsec-kit/crypto';
import { type Transform, TransformType as WireType } from '@ipsec-kit/ikev2-codec';

/** What a keyword of a proposal stands for. `aead` marks ciphers that bring their own integrity. */
export interface KnownAlgorithm {
  readonly transform: Transform;
  readonly aead: boolean;
}

const { ENCR, PRF, INTEG, KE, ESN } = TransformType;

function aes(id: number, aead: boolean, spelling: (bits: number) => readonly string[]): Keyword[] {
  return [128, 192, 256].flatMap((keyBits) =>
    spelling(keyBits).map((name): Keyword => [name, { type: ENCR, id, keyBits }, aead]),
  );
}

type Keyword = readonly [name: string, transform: Transform, aead?: boolean];

const keywords: readonly Keyword[] = [
  ...aes(Encr.ENCR_AES_CBC, false, (bits) => (bits === 128 ? ['aes128', 'aes'] : [`aes${bits}`])),
  ...aes(Encr.ENCR_AES_GCM_16, true, (bits) => [
    `aes${bits}gcm16`,
    `aes${bits}gcm128`,
    `aes${bits}gcm`,
  ]),
  ['chacha20poly1305', { type: ENCR, id: Encr.ENCR_CHACHA20_POLY1305 }, true],
  // Nobody else has keywords for these: ours say the algorithm and what is different about it. RFC 8750 §8
  ...aes(Encr.ENCR_AES_GCM_16_IIV, true, (bits) => [`aes${bits}gcm16iiv`]),
  ...aes(Encr.ENCR_AES_CCM_8_IIV, true, (bits) => [`aes${bits}ccm8iiv`]),
  ['chacha20poly1305iiv', { type: ENCR, id: Encr.ENCR_CHACHA20_POLY1305_IIV }, true],

  ['sha1', { type: INTEG, id: Integ.AUTH_HMAC_SHA1_96 }],
  ['sha', { type: INTEG, id: Integ.AUTH_HMAC_SHA1_96 }],
  ['sha256', { type: INTEG, id: Integ.AUTH_HMAC_SHA2_256_128 }],
  ['sha2_256', { type: INTEG, id: Integ.AUTH_HMAC_SHA2_256_128 }],
  ['sha384', { type: INTEG, id: Integ.AUTH_HMAC_SHA2_384_192 }],
  ['sha2_384', { type: INTEG, id: Integ.AUTH_HMAC_SHA2_384_192 }],
  ['sha512', { type: INTEG, id: Integ.AUTH_HMAC_SHA2_512_256 }],
  ['sha2_512', { type: INTEG, id: Integ.AUTH_HMAC_SHA2_512_256 }],

  ['prfsha1', { type: PRF, id: Prf.PRF_HMAC_SHA1 }],
  ['prfsha256', { type: PRF, id: Prf.PRF_HMAC_SHA2_256 }],
  ['prfsha384', { type: PRF, id: Prf.PRF_HMAC_SHA2_384 }],
  ['prfsha512', { type: PRF, id: Prf.PRF_HMAC_SHA2_512 }],

  ['modp2048', { type: KE, id: Ke.MODP_2048 }],
  ['modp3072', { type: KE, id: Ke.MODP_3072 }],
  ['modp4096', { type: KE, id: Ke.MODP_4096 }],
  ['ecp256', { type: KE, id: Ke.ECP_256 }],
  ['ecp384', { type: KE, id: Ke.ECP_384 }],
  ['ecp521', { type: KE, id: Ke.ECP_521 }],
  ['x25519', { type: KE, id: Ke.CURVE25519 }],
  ['curve25519', { type: KE, id: Ke.CURVE25519 }],

  ['mlkem512', { type: KE, id: Ke.ML_KEM_512 }],
  ['mlkem768', { type: KE, id: Ke.ML_KEM_768 }],
  ['mlkem1024', { type: KE, id: Ke.ML_KEM_1024 }],

  ['esn', { type: ESN, id: 1 }],
  ['noesn', { type: ESN, id: 0 }],
];

const known: ReadonlyMap<string, KnownAlgorithm> = new Map(
  keywords.map(([name, transform, aead = false]) => [name, { transform, aead }]),
);

const sizes = (name: (bits: number) => readonly string[]): readonly string[] =>
  [128, 192, 256].flatMap(name);

/** Keywords that strongSwan 5.9.8 knows and this version has no algorithm for. */
const unsupported: ReadonlySet<string> = new Set([
  ...['null', 'des', '3des', 'blowfish', 'cast128', 'camellia'],
  ...sizes((bits) => [`blowfish${bits}`, `serpent${bits}`, `twofish${bits}`, `camellia${bits}`]),
  ...['serpent', 'twofish', 'aesctr', 'camelliactr'],
  ...sizes((bits) => [`aes${bits}ctr`, `camellia${bits}ctr`, `aes${bits}gmac`]),
  ...sizes((bits) => [8, 64, 12, 96].map((icv) => `aes${bits}gcm${icv}`)),
  ...sizes((bits) => [8, 64, 12, 96, 16, 128].map((icv) => `aes${bits}ccm${icv}`)),
  ...sizes((bits) => [8, 64, 12, 96, 16, 128].map((icv) => `camellia${bits}ccm${icv}`)),
  ...sizes((bits) => [`aes${bits}ccm`, `camellia${bits}ccm`]),
  ...['md5', 'md5_128', 'sha1_160', 'sha256_96', 'sha2_256_96', 'aesxcbc', 'camelliaxcbc'],
  ...['aescmac', 'prfmd5', 'prfaesxcbc', 'prfcamelliaxcbc', 'prfaescmac'],
  ...['modpnull', 'modp768', 'modp1024', 'modp1536', 'modp6144', 'modp8192', 'modp1024s160'],
  ...['modp2048s224', 'modp2048s256', 'ecp192', 'ecp224', 'ecp224bp', 'ecp256bp', 'ecp384bp'],
  ...['ecp512bp', 'curve448', 'x448', 'ntru112', 'ntru128', 'ntru192', 'ntru256', 'newhope128'],
]);

/** Every keyword that works, in the order of the manual. */
export const proposalKeywords: readonly string[] = keywords.map(([name]) => name);

const implicitIv: ReadonlySet<number> = new Set([
  Encr.ENCR_AES_GCM_16_IIV,
  Encr.ENCR_AES_CCM_8_IIV,
  Encr.ENCR_CHACHA20_POLY1305_IIV,
]);

/** Whether an encryption transform makes its IV of the sequence number of ESP. @see RFC 8750 */
export function isImplicitIv(encryption: number): boolean {
  return implicitIv.has(encryption);
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
  if (name === 'none') return { transform: { type, id: 0 }, aead: false };
  const method = known.get(name);
  if (method?.transform.type !== KE) return undefined;
  return { transform: { type, id: method.transform.id }, aead: false };
}

/** Whether a transform is an additional key exchange. @see RFC 9370 §2.2.1 */
export function isAdditional({ type }: Transform): boolean {
  return type >= WireType.ADDKE1 && type <= WireType.ADDKE7;
}

/** Whether a key exchange method is one of ML-KEM. */
export function isMlKem(method: number): boolean {
  return method === Ke.ML_KEM_512 || method === Ke.ML_KEM_768 || method === Ke.ML_KEM_1024;
}
