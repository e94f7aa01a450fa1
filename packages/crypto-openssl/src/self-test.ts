import {
  type CipherSuite,
  type CryptoProvider,
  Encr,
  Integ,
  KeyMaterial,
  type PacketCipher,
} from '@ipsec-kit/crypto';

const AAD_BYTES = 8;
const TEXT_BYTES = 96;

const SUITES: readonly CipherSuite[] = [
  ...[128, 256].map((keyBits) => ({
    encryption: Encr.ENCR_AES_GCM_16,
    keyBits,
    integrity: Integ.NONE,
  })),
  { encryption: Encr.ENCR_CHACHA20_POLY1305, keyBits: 256, integrity: Integ.NONE },
  { encryption: Encr.ENCR_AES_CBC, keyBits: 256, integrity: Integ.AUTH_HMAC_SHA2_256_128 },
];

/** Seals, opens and refuses one packet with each kind of cipher, the way another provider does it.
 * @returns one sentence about the first difference; `undefined` when there is none.
 */
export function selfTestFault(tested: CryptoProvider, base: CryptoProvider): string | undefined {
  for (const suite of SUITES) {
    if (!base.cipherShape(suite)) continue;
    const fault = suiteFault(keyed(tested, suite), keyed(base, suite));
    if (fault) {
      return `the OpenSSL inside Node ${fault} with encryption ${suite.encryption} and integrity ${suite.integrity}`;
    }
  }
  return undefined;
}

function suiteFault(tested: PacketCipher, base: PacketCipher): string | undefined {
  const iv = AAD_BYTES;
  const text = iv + tested.ivBytes;
  const sealed = new Uint8Array(text + TEXT_BYTES + tested.icvBytes).map((_, i) => i);
  const expected = sealed.slice();
  const plain = sealed.slice();
  // With IVs that follow each other and one that does not, for what a context keeps from packet to packet.
  for (const last of [1, 2, 3, 255, 7]) {
    for (const one of [sealed, expected, plain]) one[text - 1] = last;
    tested.seal(sealed, 0, AAD_BYTES, iv, text, TEXT_BYTES);
    base.seal(expected, 0, AAD_BYTES, iv, text, TEXT_BYTES);
    if (!equal(sealed, expected, sealed.length)) return 'seals differently';
    const forged = sealed.slice();
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    if (tested.open(forged, 0, AAD_BYTES, iv, text, TEXT_BYTES)) return 'accepts a forged packet';
    const isOpened = tested.open(sealed, 0, AAD_BYTES, iv, text, TEXT_BYTES);
    if (!isOpened || !equal(sealed, plain, text + TEXT_BYTES)) return 'opens differently';
    base.open(expected, 0, AAD_BYTES, iv, text, TEXT_BYTES);
  }
  tested.close?.();
  return undefined;
}

function keyed(provider: CryptoProvider, suite: CipherSuite): PacketCipher {
  const shape = provider.cipherShape(suite);
  const key = (bytes = 0): KeyMaterial =>
    new KeyMaterial(new Uint8Array(bytes).map((_, i) => i * 7 + 1));
  return provider.createCipher(suite, {
    encryption: key(shape?.encryptionKeyBytes),
    integrity: key(shape?.integrityKeyBytes),
  });
}

function equal(a: Uint8Array, b: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}
