import { fixedKeyBits } from './cipher-algorithms.ts';
import type { CipherSuite } from './provider.ts';
import { Integ, TransformType } from './transforms.ts';

/** What is printed of a transform: `Transform` of the codec fits. */
export interface NamedTransform {
  readonly type: number;
  readonly id: number;
  readonly keyBits?: number;
}

const ENCRYPTION: Readonly<Record<number, string>> = {
  1: 'DES_IV64',
  2: 'DES_CBC',
  3: '3DES_CBC',
  4: 'RC5_CBC',
  5: 'IDEA_CBC',
  6: 'CAST_CBC',
  7: 'BLOWFISH_CBC',
  9: 'DES_IV32',
  11: 'NULL',
  12: 'AES_CBC',
  13: 'AES_CTR',
  14: 'AES_CCM_8',
  15: 'AES_CCM_12',
  16: 'AES_CCM_16',
  18: 'AES_GCM_8',
  19: 'AES_GCM_12',
  20: 'AES_GCM_16',
  21: 'NULL_AES_GMAC',
  23: 'CAMELLIA_CBC',
  24: 'CAMELLIA_CTR',
  25: 'CAMELLIA_CCM_8',
  26: 'CAMELLIA_CCM_12',
  27: 'CAMELLIA_CCM_16',
  28: 'CHACHA20_POLY1305',
  29: 'AES_CCM_8_IIV',
  30: 'AES_GCM_16_IIV',
  31: 'CHACHA20_POLY1305_IIV',
};

const PRF: Readonly<Record<number, string>> = {
  1: 'PRF_HMAC_MD5',
  2: 'PRF_HMAC_SHA1',
  3: 'PRF_HMAC_TIGER',
  4: 'PRF_AES128_XCBC',
  5: 'PRF_HMAC_SHA2_256',
  6: 'PRF_HMAC_SHA2_384',
  7: 'PRF_HMAC_SHA2_512',
  8: 'PRF_AES128_CMAC',
};

const INTEGRITY: Readonly<Record<number, string>> = {
  0: 'NONE',
  1: 'HMAC_MD5_96',
  2: 'HMAC_SHA1_96',
  3: 'DES_MAC',
  4: 'KPDK_MD5',
  5: 'AES_XCBC_96',
  6: 'HMAC_MD5_128',
  7: 'HMAC_SHA1_160',
  8: 'AES_CMAC_96',
  9: 'AES_128_GMAC',
  10: 'AES_192_GMAC',
  11: 'AES_256_GMAC',
  12: 'HMAC_SHA2_256_128',
  13: 'HMAC_SHA2_384_192',
  14: 'HMAC_SHA2_512_256',
};

const KEY_EXCHANGE: Readonly<Record<number, string>> = {
  0: 'NONE',
  1: 'MODP_768',
  2: 'MODP_1024',
  5: 'MODP_1536',
  14: 'MODP_2048',
  15: 'MODP_3072',
  16: 'MODP_4096',
  17: 'MODP_6144',
  18: 'MODP_8192',
  19: 'ECP_256',
  20: 'ECP_384',
  21: 'ECP_521',
  22: 'MODP_1024_160',
  23: 'MODP_2048_224',
  24: 'MODP_2048_256',
  25: 'ECP_192',
  26: 'ECP_224',
  27: 'ECP_224_BP',
  28: 'ECP_256_BP',
  29: 'ECP_384_BP',
  30: 'ECP_512_BP',
  31: 'CURVE_25519',
  32: 'CURVE_448',
  35: 'ML_KEM_512',
  36: 'ML_KEM_768',
  37: 'ML_KEM_1024',
};

const SEQUENCE_NUMBERS: Readonly<Record<number, string>> = { 0: 'NO_EXT_SEQ', 1: 'EXT_SEQ' };

interface TypeNames {
  readonly type: number;
  readonly label: string;
  readonly names: Readonly<Record<number, string>>;
}

/** In the order in which a suite is read out. */
const TYPES: readonly TypeNames[] = [
  { type: TransformType.ENCR, label: 'ENCR', names: ENCRYPTION },
  { type: TransformType.INTEG, label: 'INTEG', names: INTEGRITY },
  { type: TransformType.PRF, label: 'PRF', names: PRF },
  { type: TransformType.KE, label: 'KE', names: KEY_EXCHANGE },
  { type: TransformType.ESN, label: 'ESN', names: SEQUENCE_NUMBERS },
];

/** The name of a transform as strongSwan prints it: `AES_GCM_16_256`, `PRF_HMAC_SHA2_256`, `CURVE_25519`, `NO_EXT_SEQ`.
 * Additional key exchanges have their place, `KE1_ML_KEM_768`. An unknown number is printed with its type, `ENCR(99)`; an unknown type as
 * `TRANSFORM(type, id)`.
 * @param keyBits - appended to the name where a cipher has several key lengths.
 */
export function transformName(type: number, id: number, keyBits?: number): string {
  const entry = TYPES.find((candidate) => candidate.type === type);
  if (entry === undefined) return additionalName(type, id) ?? `TRANSFORM(${type}, ${id})`;
  const name = entry.names[id] ?? `${entry.label}(${id})`;
  // A cipher of one key length sends no attribute (RFC 7296 §3.3.5, RFC 7634 §4), so its name has no number.
  const isFixed = type === TransformType.ENCR && fixedKeyBits(id) !== undefined;
  return keyBits === undefined || isFixed ? name : `${name}_${keyBits}`;
}

/** The transform types of additional key exchanges. @see RFC 9370 §6 */
const ADDKE1 = 6;
const ADDKE7 = 12;

function additionalName(type: number, id: number): string | undefined {
  if (type < ADDKE1 || type > ADDKE7) return undefined;
  return `KE${type - ADDKE1 + 1}_${KEY_EXCHANGE[id] ?? id}`;
}

/** A cipher suite in one word: `AES_GCM_16_256`, `AES_CBC_128/HMAC_SHA2_256_128`. */
export function formatSuite(suite: CipherSuite): string {
  const encryption = transformName(TransformType.ENCR, suite.encryption, suite.keyBits);
  if (suite.integrity === Integ.NONE) return encryption;
  return `${encryption}/${transformName(TransformType.INTEG, suite.integrity)}`;
}

/** Chosen transforms in one word, in strongSwan's order (cipher, integrity, PRF, key exchange, sequence numbers):
 * `AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE_25519`. An integrity transform NONE is left out.
 */
export function formatTransforms(transforms: readonly NamedTransform[]): string {
  const rank = (transform: NamedTransform): number => {
    const index = TYPES.findIndex(({ type }) => type === transform.type);
    return index === -1 ? TYPES.length : index;
  };
  return transforms
    .filter(({ type, id }) => type !== TransformType.INTEG || id !== Integ.NONE)
    .toSorted((a, b) => rank(a) - rank(b))
    .map(({ type, id, keyBits }) => transformName(type, id, keyBits))
    .join('/');
}
