import {
  type CipherSuite,
  type CryptoProvider,
  createSeededRandom,
  Encr,
  Integ,
  KeyMaterial,
} from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { loadOpenSslProvider, type OpenSslPacketCipher } from '../src/index.ts';

const AEADS = [Encr.ENCR_AES_GCM_8, Encr.ENCR_AES_GCM_12, Encr.ENCR_AES_GCM_16];
const HMACS = [
  Integ.AUTH_HMAC_SHA1_96,
  Integ.AUTH_HMAC_SHA2_256_128,
  Integ.AUTH_HMAC_SHA2_384_192,
  Integ.AUTH_HMAC_SHA2_512_256,
];

/** Every suite whose cipher is OpenSSL's. */
export const suites: readonly CipherSuite[] = [
  ...[128, 192, 256].flatMap((keyBits) => [
    ...AEADS.map((encryption) => ({ encryption, keyBits, integrity: Integ.NONE })),
    ...[Encr.ENCR_AES_CBC, Encr.ENCR_AES_CTR].flatMap((encryption) =>
      HMACS.map((integrity) => ({ encryption, keyBits, integrity })),
    ),
  ]),
  { encryption: Encr.ENCR_CHACHA20_POLY1305, keyBits: 256, integrity: Integ.NONE },
];

/** The ones without an IV in the packet. */
export const implicitSuites: readonly CipherSuite[] = [
  { encryption: Encr.ENCR_AES_GCM_16_IIV, keyBits: 256, integrity: Integ.NONE },
  { encryption: Encr.ENCR_CHACHA20_POLY1305_IIV, keyBits: 256, integrity: Integ.NONE },
];

/** A suite in words. */
export function label(suite: CipherSuite): string {
  return `encryption ${suite.encryption}, ${suite.keyBits} bits, integrity ${suite.integrity}`;
}

/** The provider, or `undefined` and one line that says why there is none; with IPSEC_KIT_REQUIRE_INTEROP=1 an error. */
export function openSslProvider(): CryptoProvider | undefined {
  const loaded = loadOpenSslProvider(createNodeProvider());
  if (loaded.ok) return loaded.provider;
  if (process.env.IPSEC_KIT_REQUIRE_INTEROP === '1') throw new Error(loaded.reason);
  process.stderr.write(`skipped: ciphers of OpenSSL: ${loaded.reason}\n`);
  return undefined;
}

/** Bytes that follow from a name. */
export function seededBytes(seed: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  createSeededRandom(seed).fill(bytes);
  return bytes;
}

/** Keys of a suite that follow from a name. */
export function keysOf(
  provider: CryptoProvider,
  suite: CipherSuite,
  seed = 'keys',
): { encryption: KeyMaterial; integrity: KeyMaterial } {
  const shape = provider.cipherShape(suite);
  if (!shape) throw new Error(`no shape for ${label(suite)}`);
  return {
    encryption: new KeyMaterial(seededBytes(`${seed}/e`, shape.encryptionKeyBytes)),
    integrity: new KeyMaterial(seededBytes(`${seed}/i`, shape.integrityKeyBytes)),
  };
}

/** A cipher, as one that can be closed. */
export function closable(cipher: ReturnType<CryptoProvider['createCipher']>): OpenSslPacketCipher {
  if (!('close' in cipher) || typeof cipher.close !== 'function') {
    throw new Error('the cipher is not one of OpenSSL');
  }
  return cipher as OpenSslPacketCipher;
}
