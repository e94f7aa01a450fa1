import type { CipherSuite, CryptoProvider } from '@ipsec-kit/crypto';
import { Encr, Integ } from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import { createNodeProvider } from '@ipsec-kit/crypto/node';

/** Both providers: whatever is claimed of one is claimed of the other. */
export const providers: readonly CryptoProvider[] = [createNobleProvider(), createNodeProvider()];

const INTEGRITY = [
  Integ.AUTH_HMAC_SHA1_96,
  Integ.AUTH_AES_XCBC_96,
  Integ.AUTH_AES_CMAC_96,
  Integ.AUTH_HMAC_SHA2_256_128,
  Integ.AUTH_HMAC_SHA2_384_192,
  Integ.AUTH_HMAC_SHA2_512_256,
];

const AEADS = [
  Encr.ENCR_AES_GCM_8,
  Encr.ENCR_AES_GCM_12,
  Encr.ENCR_AES_GCM_16,
  Encr.ENCR_AES_CCM_8,
  Encr.ENCR_AES_CCM_12,
  Encr.ENCR_AES_CCM_16,
];

/** Every cipher suite that both providers have. */
export const suites: readonly CipherSuite[] = [
  ...[128, 192, 256].flatMap((keyBits) => [
    ...AEADS.map((encryption) => ({ encryption, keyBits, integrity: Integ.NONE })),
    ...INTEGRITY.flatMap((integrity) => [
      { encryption: Encr.ENCR_AES_CBC, keyBits, integrity },
      { encryption: Encr.ENCR_AES_CTR, keyBits, integrity },
    ]),
  ]),
  { encryption: Encr.ENCR_CHACHA20_POLY1305, keyBits: 256, integrity: Integ.NONE },
];
