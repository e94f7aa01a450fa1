/** Transform type 1, encryption algorithms. @see RFC 7296 §3.3.2, RFC 8247 §2.1 */
export const EncryptionAlgorithm = {
  ENCR_DES_IV64: 1,
  ENCR_DES: 2,
  ENCR_3DES: 3,
  ENCR_RC5: 4,
  ENCR_IDEA: 5,
  ENCR_CAST: 6,
  ENCR_BLOWFISH: 7,
  ENCR_3IDEA: 8,
  ENCR_DES_IV32: 9,
  ENCR_NULL: 11,
  ENCR_AES_CBC: 12,
  ENCR_AES_CTR: 13,
  ENCR_AES_CCM_8: 14,
  ENCR_AES_CCM_12: 15,
  ENCR_AES_CCM_16: 16,
  ENCR_AES_GCM_8: 18,
  ENCR_AES_GCM_12: 19,
  ENCR_AES_GCM_16: 20,
  ENCR_NULL_AUTH_AES_GMAC: 21,
  ENCR_CAMELLIA_CBC: 23,
  ENCR_CAMELLIA_CTR: 24,
  ENCR_CAMELLIA_CCM_8: 25,
  ENCR_CAMELLIA_CCM_12: 26,
  ENCR_CAMELLIA_CCM_16: 27,
  ENCR_CHACHA20_POLY1305: 28,
  ENCR_AES_CCM_8_IIV: 29,
  ENCR_AES_GCM_16_IIV: 30,
  ENCR_CHACHA20_POLY1305_IIV: 31,
  ENCR_KUZNYECHIK_MGM_KTREE: 32,
  ENCR_MAGMA_MGM_KTREE: 33,
  ENCR_KUZNYECHIK_MGM_MAC_KTREE: 34,
  ENCR_MAGMA_MGM_MAC_KTREE: 35,
} as const;

/** Transform type 2, pseudorandom functions. @see RFC 7296 §3.3.2, RFC 8247 §2.2 */
export const PseudorandomFunction = {
  PRF_HMAC_MD5: 1,
  PRF_HMAC_SHA1: 2,
  PRF_HMAC_TIGER: 3,
  PRF_AES128_XCBC: 4,
  PRF_HMAC_SHA2_256: 5,
  PRF_HMAC_SHA2_384: 6,
  PRF_HMAC_SHA2_512: 7,
  PRF_AES128_CMAC: 8,
  PRF_HMAC_STREEBOG_512: 9,
} as const;

/** Transform type 3, integrity algorithms. @see RFC 7296 §3.3.2, RFC 8247 §2.3 */
export const IntegrityAlgorithm = {
  NONE: 0,
  AUTH_HMAC_MD5_96: 1,
  AUTH_HMAC_SHA1_96: 2,
  AUTH_DES_MAC: 3,
  AUTH_KPDK_MD5: 4,
  AUTH_AES_XCBC_96: 5,
  AUTH_HMAC_MD5_128: 6,
  AUTH_HMAC_SHA1_160: 7,
  AUTH_AES_CMAC_96: 8,
  AUTH_AES_128_GMAC: 9,
  AUTH_AES_192_GMAC: 10,
  AUTH_AES_256_GMAC: 11,
  AUTH_HMAC_SHA2_256_128: 12,
  AUTH_HMAC_SHA2_384_192: 13,
  AUTH_HMAC_SHA2_512_256: 14,
} as const;

/** Transform types 4 and 6 to 12, key exchange methods. @see RFC 7296 §3.3.2, RFC 9370 §2.2.1 */
export const KeyExchangeMethod = {
  NONE: 0,
  /** 768-bit MODP Group */
  MODP_768: 1,
  /** 1024-bit MODP Group */
  MODP_1024: 2,
  /** 1536-bit MODP Group */
  MODP_1536: 5,
  /** 2048-bit MODP Group */
  MODP_2048: 14,
  /** 3072-bit MODP Group */
  MODP_3072: 15,
  /** 4096-bit MODP Group */
  MODP_4096: 16,
  /** 6144-bit MODP Group */
  MODP_6144: 17,
  /** 8192-bit MODP Group */
  MODP_8192: 18,
  /** 256-bit random ECP group */
  ECP_256: 19,
  /** 384-bit random ECP group */
  ECP_384: 20,
  /** 521-bit random ECP group */
  ECP_521: 21,
  /** 1024-bit MODP Group with 160-bit Prime Order Subgroup */
  MODP_1024_160: 22,
  /** 2048-bit MODP Group with 224-bit Prime Order Subgroup */
  MODP_2048_224: 23,
  /** 2048-bit MODP Group with 256-bit Prime Order Subgroup */
  MODP_2048_256: 24,
  /** 192-bit Random ECP Group */
  ECP_192: 25,
  /** 224-bit Random ECP Group */
  ECP_224: 26,
  /** brainpoolP224r1 */
  BRAINPOOL_P224R1: 27,
  /** brainpoolP256r1 */
  BRAINPOOL_P256R1: 28,
  /** brainpoolP384r1 */
  BRAINPOOL_P384R1: 29,
  /** brainpoolP512r1 */
  BRAINPOOL_P512R1: 30,
  /** Curve25519 */
  CURVE25519: 31,
  /** Curve448 */
  CURVE448: 32,
  GOST3410_2012_256: 33,
  GOST3410_2012_512: 34,
  /** ml-kem-512 */
  ML_KEM_512: 35,
  /** ml-kem-768 */
  ML_KEM_768: 36,
  /** ml-kem-1024 */
  ML_KEM_1024: 37,
} as const;

/** Transform type 5, sequence numbers: 0 without, 1 with extended sequence numbers. @see RFC 7296 §3.3.2, RFC 9827 */
export const SequenceNumbers = {
  /** 32-bit Sequential Numbers */
  SEQUENTIAL_32: 0,
  /** Partially Transmitted 64-bit Sequential Numbers */
  PARTIALLY_TRANSMITTED_64: 1,
  /** 32-bit Unspecified Numbers */
  UNSPECIFIED_32: 2,
} as const;
