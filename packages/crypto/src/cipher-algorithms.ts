import type { HashName } from './hash-name.ts';
import { Encr, Integ } from './transforms.ts';

/** An encryption transform as both providers compute it. */
export interface CipherAlgorithm {
  readonly kind: 'aes-cbc' | '3des-cbc' | 'aes-ctr' | 'aes-gcm' | 'aes-ccm' | 'chacha20-poly1305';
  /** Key lengths that it has, in bits, without salt. */
  readonly keyBits: readonly number[];
  /** Bytes of implicit nonce behind the key. */
  readonly saltBytes: number;
  /** 0 where the IV is implicit. @see RFC 8750 */
  readonly ivBytes: number;
  readonly blockBytes: number;
  /** Bytes of an AEAD's ICV; 0 for a cipher that needs an integrity transform. */
  readonly icvBytes: number;
}

const AES: readonly number[] = [128, 192, 256];

/** @see RFC 4106 §4, §6 (three ICV lengths) */
const gcm = (icvBytes: number): CipherAlgorithm => ({
  kind: 'aes-gcm',
  keyBits: AES,
  saltBytes: 4,
  ivBytes: 8,
  blockBytes: 1,
  icvBytes,
});

/** @see RFC 4309 §4, §6, §7.1 (three bytes of salt) */
const ccm = (icvBytes: number): CipherAlgorithm => ({
  ...gcm(icvBytes),
  kind: 'aes-ccm',
  saltBytes: 3,
});

/** The same cipher with an IV that is not sent. @see RFC 8750 §4 */
const implicit = (algorithm: CipherAlgorithm): CipherAlgorithm => ({ ...algorithm, ivBytes: 0 });

/** RFC 7634 §2. */
const chacha20Poly1305: CipherAlgorithm = {
  ...gcm(16),
  kind: 'chacha20-poly1305',
  keyBits: [256],
};

const CIPHERS: Readonly<Record<number, CipherAlgorithm>> = {
  [Encr.ENCR_3DES]: {
    kind: '3des-cbc',
    keyBits: [192],
    saltBytes: 0,
    ivBytes: 8,
    blockBytes: 8,
    icvBytes: 0,
  },
  [Encr.ENCR_AES_CBC]: {
    kind: 'aes-cbc',
    keyBits: AES,
    saltBytes: 0,
    ivBytes: 16,
    blockBytes: 16,
    icvBytes: 0,
  },
  // RFC 3686 §5.1: four bytes of nonce behind the key; §3.1: never without an integrity transform.
  [Encr.ENCR_AES_CTR]: {
    kind: 'aes-ctr',
    keyBits: AES,
    saltBytes: 4,
    ivBytes: 8,
    blockBytes: 1,
    icvBytes: 0,
  },
  [Encr.ENCR_AES_CCM_8]: ccm(8),
  [Encr.ENCR_AES_CCM_12]: ccm(12),
  [Encr.ENCR_AES_CCM_16]: ccm(16),
  [Encr.ENCR_AES_GCM_8]: gcm(8),
  [Encr.ENCR_AES_GCM_12]: gcm(12),
  [Encr.ENCR_AES_GCM_16]: gcm(16),
  [Encr.ENCR_CHACHA20_POLY1305]: chacha20Poly1305,
  [Encr.ENCR_AES_CCM_8_IIV]: implicit(ccm(8)),
  [Encr.ENCR_AES_GCM_16_IIV]: implicit(gcm(16)),
  [Encr.ENCR_CHACHA20_POLY1305_IIV]: implicit(chacha20Poly1305),
};

/** The algorithm of an encryption transform, or `undefined` for one that this package does not know. */
export function cipherAlgorithm(encryption: number): CipherAlgorithm | undefined {
  return CIPHERS[encryption];
}

/** The key length in bits of a cipher that has only one, so that its transform carries no Key Length attribute:
 * 192 for ENCR_3DES, 256 for ENCR_CHACHA20_POLY1305.
 * @returns `undefined` for a cipher with several, and for an unknown one. @see RFC 7296 §3.3.5
 */
export function fixedKeyBits(encryption: number): number | undefined {
  const bits = CIPHERS[encryption]?.keyBits ?? [];
  return bits.length === 1 ? bits[0] : undefined;
}

/** How a MAC is computed. */
export type MacAlgorithm =
  | { readonly kind: 'hmac'; readonly hash: HashName }
  | { readonly kind: 'xcbc' }
  | { readonly kind: 'cmac' };

/** An integrity transform as both providers compute it. */
export interface IntegrityAlgorithm {
  readonly mac: MacAlgorithm;
  readonly keyBytes: number;
  readonly icvBytes: number;
}

/** The key of an HMAC is as long as the hash, the ICV half of it (SHA-1: 96 bits). The AES MACs take 128 bits and give 96.
 * @see RFC 2404 §2, RFC 4868 §2.1, RFC 3566 §4, RFC 4494 §4
 */
const INTEGRITY: Readonly<Record<number, IntegrityAlgorithm>> = {
  [Integ.AUTH_HMAC_SHA1_96]: { mac: { kind: 'hmac', hash: 'sha1' }, keyBytes: 20, icvBytes: 12 },
  [Integ.AUTH_AES_XCBC_96]: { mac: { kind: 'xcbc' }, keyBytes: 16, icvBytes: 12 },
  [Integ.AUTH_AES_CMAC_96]: { mac: { kind: 'cmac' }, keyBytes: 16, icvBytes: 12 },
  [Integ.AUTH_HMAC_SHA2_256_128]: {
    mac: { kind: 'hmac', hash: 'sha256' },
    keyBytes: 32,
    icvBytes: 16,
  },
  [Integ.AUTH_HMAC_SHA2_384_192]: {
    mac: { kind: 'hmac', hash: 'sha384' },
    keyBytes: 48,
    icvBytes: 24,
  },
  [Integ.AUTH_HMAC_SHA2_512_256]: {
    mac: { kind: 'hmac', hash: 'sha512' },
    keyBytes: 64,
    icvBytes: 32,
  },
};

/** The algorithm of an integrity transform, or `undefined` for NONE and for one that this package does not know. */
export function integrityAlgorithm(integrity: number): IntegrityAlgorithm | undefined {
  return INTEGRITY[integrity];
}
