import type { CipherSuite, CryptoProvider } from '@ipsec-kit/crypto';
import { Encr, Integ } from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import { createNodeProvider } from '@ipsec-kit/crypto/node';

/** Both providers: whatever is claimed of one is claimed of the other. */
export const providers: readonly CryptoProvider[] = [createNobleProvider(), createNodeProvider()];

const HMACS = [
  Integ.AUTH_HMAC_SHA1_96,
  Integ.AUTH_HMAC_SHA2_256_128,
  Integ.AUTH_HMAC_SHA2_384_192,
  Integ.AUTH_HMAC_SHA2_512_256,
];

/** Every cipher suite that the package has. */
export const suites: readonly CipherSuite[] = [
  ...[128, 192, 256].flatMap((keyBits) => [
    { encryption: Encr.ENCR_AES_GCM_16, keyBits, integrity: Integ.NONE },
    ...HMACS.map((integrity) => ({ encryption: Encr.ENCR_AES_CBC, keyBits, integrity })),
  ]),
  { encryption: Encr.ENCR_CHACHA20_POLY1305, keyBits: 256, integrity: Integ.NONE },
];
