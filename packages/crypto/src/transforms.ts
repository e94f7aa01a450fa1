/** Transform types of IKEv2. @see RFC 7296 §3.3.2 */
export const TransformType = { ENCR: 1, PRF: 2, INTEG: 3, KE: 4, ESN: 5 } as const;

/** Encryption transforms that this package provides, by IANA id; ENCR_3DES in the provider of `./node` alone.
 * ENCR_3DES is for old peers: offer it only where that was asked for (RFC 8247 §2.1, RFC 8221 §5).
 * Those with an implicit IV (IIV) are for ESP alone (RFC 8750 §7).
 */
export const Encr = {
  ENCR_3DES: 3,
  ENCR_AES_CBC: 12,
  ENCR_AES_CTR: 13,
  ENCR_AES_CCM_8: 14,
  ENCR_AES_CCM_12: 15,
  ENCR_AES_CCM_16: 16,
  ENCR_AES_GCM_8: 18,
  ENCR_AES_GCM_12: 19,
  ENCR_AES_GCM_16: 20,
  ENCR_CHACHA20_POLY1305: 28,
  ENCR_AES_CCM_8_IIV: 29,
  ENCR_AES_GCM_16_IIV: 30,
  ENCR_CHACHA20_POLY1305_IIV: 31,
} as const;

/** Pseudorandom functions that this package provides, by IANA id. */
export const Prf = {
  PRF_HMAC_SHA1: 2,
  PRF_AES128_XCBC: 4,
  PRF_HMAC_SHA2_256: 5,
  PRF_HMAC_SHA2_384: 6,
  PRF_HMAC_SHA2_512: 7,
  PRF_AES128_CMAC: 8,
} as const;

/** Integrity transforms that this package provides, by IANA id. */
export const Integ = {
  NONE: 0,
  AUTH_HMAC_SHA1_96: 2,
  AUTH_AES_XCBC_96: 5,
  AUTH_AES_CMAC_96: 8,
  AUTH_HMAC_SHA2_256_128: 12,
  AUTH_HMAC_SHA2_384_192: 13,
  AUTH_HMAC_SHA2_512_256: 14,
} as const;

/** Key exchange methods that this package provides, by IANA id.
 * MODP_1024 is for old peers: offer it only where that was asked for (RFC 8247 §2.4).
 */
export const Ke = {
  MODP_1024: 2,
  MODP_2048: 14,
  MODP_3072: 15,
  MODP_4096: 16,
  MODP_6144: 17,
  MODP_8192: 18,
  ECP_256: 19,
  ECP_384: 20,
  ECP_521: 21,
  CURVE25519: 31,
  CURVE448: 32,
  ML_KEM_512: 35,
  ML_KEM_768: 36,
  ML_KEM_1024: 37,
} as const;
