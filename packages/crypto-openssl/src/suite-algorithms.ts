import { type CipherSuite, Encr, Integ } from '@ipsec-kit/crypto';

/** OpenSSL's names for a suite. */
export type SuiteAlgorithms =
  | { readonly kind: 'gcm' | 'chacha'; readonly cipher: string }
  | {
      readonly kind: 'hmac';
      readonly cipher: string;
      readonly digest: string;
      /** Bytes of nonce behind the key. */
      readonly saltBytes: number;
    };

/** They differ in the length of their ICV, and in whether their IV is sent. */
const AES_GCM: readonly number[] = [
  Encr.ENCR_AES_GCM_8,
  Encr.ENCR_AES_GCM_12,
  Encr.ENCR_AES_GCM_16,
  Encr.ENCR_AES_GCM_16_IIV,
];

const CHACHA20_POLY1305: readonly number[] = [
  Encr.ENCR_CHACHA20_POLY1305,
  Encr.ENCR_CHACHA20_POLY1305_IIV,
];

const DIGESTS: Readonly<Record<number, string>> = {
  [Integ.AUTH_HMAC_SHA1_96]: 'SHA1',
  [Integ.AUTH_HMAC_SHA2_256_128]: 'SHA256',
  [Integ.AUTH_HMAC_SHA2_384_192]: 'SHA384',
  [Integ.AUTH_HMAC_SHA2_512_256]: 'SHA512',
};

/** What OpenSSL calls a suite, or `undefined` for one that is not worth having here.
 * @see RFC 4106 (GCM), RFC 7634 (ChaCha20-Poly1305), RFC 8750 (implicit IV), RFC 3602 (CBC), RFC 3686 (CTR), RFC 4868 and RFC 2404 (HMAC)
 */
export function suiteAlgorithms(suite: CipherSuite): SuiteAlgorithms | undefined {
  const { encryption, keyBits, integrity } = suite;
  if (CHACHA20_POLY1305.includes(encryption))
    return { kind: 'chacha', cipher: 'ChaCha20-Poly1305' };
  if (AES_GCM.includes(encryption)) return { kind: 'gcm', cipher: `aes-${keyBits}-gcm` };
  const digest = DIGESTS[integrity];
  if (digest === undefined) return undefined;
  if (encryption === Encr.ENCR_AES_CBC) {
    return { kind: 'hmac', cipher: `aes-${keyBits}-cbc`, digest, saltBytes: 0 };
  }
  if (encryption === Encr.ENCR_AES_CTR) {
    return { kind: 'hmac', cipher: `aes-${keyBits}-ctr`, digest, saltBytes: 4 };
  }
  return undefined;
}
