import { type CryptoProvider, Encr, Integ, KeyMaterial } from '@ipsec-kit/crypto';
import { describe, expect, it } from 'vitest';
import { openSslProvider } from './fixture.ts';

const openssl = openSslProvider();
const hex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replace(/\s+/g, ''), 'hex'));

const vectors = [
  {
    name: 'AES-GCM-16, 128 bits, ESN (RFC 4106 §5, draft-mcgrew-gcm-test)',
    suite: { encryption: Encr.ENCR_AES_GCM_16, keyBits: 128, integrity: Integ.NONE },
    key: '4c80cdefbb5d10da906ac73c3613a634 2e443b68',
    aad: '000043218765432100000000',
    iv: '4956ed7e3b244cfe',
    text: `45000048699a000080114db7c0a80102c0a801010a9bf15638d3010000010000
      00000000045f736970045f756470037369700963796265726369747902646b00
      0021000101020201`,
    sealed: `fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34
      cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce
      61bc17d768fd9732459018148f6cbe722fd04796562dfdb4`,
  },
  {
    name: 'AES-GCM-16, 256 bits (RFC 4106 §5, draft-mcgrew-gcm-test)',
    suite: { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE },
    key: 'abbccddef00112233445566778899aababbccddef00112233445566778899aab 11223344',
    aad: '4a2cbfe300000002',
    iv: '0102030405060708',
    text: `4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee000000000
      7002400020bf0000020405b40101040201020201`,
    sealed: `ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763
      748a637985771d347f0545659f14e99def842d8eb335f4eecfdbf831824b4c49
      15956c96`,
  },
  {
    name: 'ChaCha20-Poly1305 (RFC 7634 Appendix A)',
    suite: { encryption: Encr.ENCR_CHACHA20_POLY1305, keyBits: 256, integrity: Integ.NONE },
    key: `808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f
      a0a1a2a3`,
    aad: '0102030400000005',
    iv: '1011121314151617',
    text: `45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10
      0007362708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223
      2425262728292a2b2c2d2e2f303132333435363701020204`,
    sealed: `24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6
      14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3
      cbec163fac469b502773f6fb94e664da9165b82829f641e0
      76aaa8266b7fb0f7b11b369907e1ad43`,
  },
];

const encryptions = [
  {
    name: 'AES-CBC, 128 bits (RFC 3602 §4, case 4)',
    encryption: Encr.ENCR_AES_CBC,
    key: '56e47a38c5598974bc46903dba290349',
    iv: '8ce82eefbea0da3c44699ed7db51b7d9',
    text: `a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf
      c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf`,
    sealed: `c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e
      35907aa632c3ffdf868bb7b29d3d46ad83ce9f9a102ee99d49a53e87f4c3da55`,
  },
  {
    name: 'AES-CTR, 128 bits (RFC 3686 §6, case 2)',
    encryption: Encr.ENCR_AES_CTR,
    key: '7E24067817FAE0D743D6CE1F32539163 006CB6DB',
    iv: 'C0543B59DA48D90B',
    text: '000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F',
    sealed: '5104A106168A72D9790D41EE8EDAD388EB2E1EFC46DA57C8FCE630DF9141BE28',
  },
];

describe.runIf(openssl !== undefined)('the vectors', () => {
  const provider = openssl as CryptoProvider;

  it.each(vectors)('seals and opens $name', ({ suite, key, aad, iv, text, sealed }) => {
    const cipher = provider.createCipher(suite, {
      encryption: new KeyMaterial(hex(key)),
      integrity: new KeyMaterial(new Uint8Array(0)),
    });
    const memory = hex(`${aad}${iv}${text}${'00'.repeat(cipher.icvBytes)}`);
    const plain = memory.slice();
    const ivOffset = hex(aad).length;
    const textOffset = ivOffset + 8;
    const args = [0, ivOffset, ivOffset, textOffset, hex(text).length] as const;
    cipher.seal(memory, ...args);
    expect(memory.subarray(textOffset)).toEqual(hex(sealed));
    expect(cipher.open(memory, ...args)).toBe(true);
    const textEnd = textOffset + hex(text).length;
    expect(memory.subarray(0, textEnd)).toEqual(plain.subarray(0, textEnd));
  });

  it.each(encryptions)('encrypts with $name', ({ encryption, key, iv, text, sealed }) => {
    const cipher = provider.createCipher(
      { encryption, keyBits: 128, integrity: Integ.AUTH_HMAC_SHA2_256_128 },
      { encryption: new KeyMaterial(hex(key)), integrity: new KeyMaterial(new Uint8Array(32)) },
    );
    const memory = hex(`${'00'.repeat(8)}${iv}${text}${'00'.repeat(16)}`);
    const textOffset = 8 + cipher.ivBytes;
    cipher.seal(memory, 0, 8, 8, textOffset, hex(text).length);
    expect(memory.subarray(textOffset, textOffset + hex(text).length)).toEqual(hex(sealed));
  });
});
