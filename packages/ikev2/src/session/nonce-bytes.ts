/** Bytes of our nonces: at least 16, and half the key of any PRF that is provided. @see RFC 7296 §2.10 */
export const NONCE_BYTES: number = 32;
