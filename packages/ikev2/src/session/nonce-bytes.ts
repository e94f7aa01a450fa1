import { Ke } from '@ipsec-kit/crypto';

/** Bytes of our nonces: at least 16, and half the key of any PRF that is provided. @see RFC 7296 §2.10 */
export const NONCE_BYTES: number = 32;

const LONG_NONCE_BYTES = 128;
const KEMS: ReadonlySet<number> = new Set([Ke.ML_KEM_512, Ke.ML_KEM_768, Ke.ML_KEM_1024]);

/** Bytes of our nonce in an IKE_SA_INIT request. Longer, so that the response is not: a responder that sends no more than came
 * from us, before it knows that we are there, has room for a hint to its authorities, and needs no cookie for that. Not so where the
 * request is as large as a datagram can be, and the response smaller by itself.
 */
export function initNonceBytes(method: number): number {
  return KEMS.has(method) ? NONCE_BYTES : LONG_NONCE_BYTES;
}
