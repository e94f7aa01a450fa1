import { type CipherSuite, Encr, KeyMaterial } from '@ipsec-kit/crypto';
import { describe, expect, it } from 'vitest';
import { providers, suites } from './providers.ts';

/** What must be refused, made from what the RFCs say, in the manner of Wycheproof: one thing is wrong in each. */
const AAD = 8;
const TEXT = 32;

/** A sealed packet of a suite, and what opens it. */
function sealed(provider: (typeof providers)[number], suite: CipherSuite) {
  const shape = provider.cipherShape(suite);
  if (!shape) throw new Error('a suite that is provided expected');
  const key = (bytes: number) => new KeyMaterial(new Uint8Array(bytes).fill(3));
  const { encryptionKeyBytes, integrityKeyBytes, ivBytes, icvBytes } = shape;
  const keys = { encryption: key(encryptionKeyBytes), integrity: key(integrityKeyBytes) };
  const cipher = provider.createCipher(suite, keys);
  const args = [0, AAD, AAD, AAD + ivBytes, TEXT] as const;
  const packet = new Uint8Array(AAD + ivBytes + TEXT + icvBytes).fill(1);
  cipher.seal(packet, ...args);
  const opens = (changed: Uint8Array): boolean => cipher.open(changed, ...args);
  return { packet, icvAt: packet.length - icvBytes, icvBytes, opens };
}

describe.each(providers.map((provider) => [provider.name, provider] as const))(
  'ICVs that are wrong, to %s',
  (_, provider) => {
    const small = suites.filter(({ keyBits }) => keyBits !== 192);

    it.each(small)('are refused with any one bit flipped (%o)', (suite) => {
      const { packet, icvAt, icvBytes, opens } = sealed(provider, suite);
      for (let bit = 0; bit < 8 * icvBytes; bit += 1) {
        const forged = packet.slice();
        const at = icvAt + (bit >> 3);
        forged[at] = (forged[at] ?? 0) ^ (1 << (bit & 7));
        expect(opens(forged), `bit ${bit}`).toBe(false);
      }
      expect(opens(packet)).toBe(true);
    });

    it.each(small)('are refused when cut off and filled up, or constant (%o)', (suite) => {
      const { packet, icvAt, icvBytes, opens } = sealed(provider, suite);
      for (let kept = 0; kept < icvBytes; kept += 1) {
        for (const filler of [0x00, 0xff]) {
          const forged = packet.slice().fill(filler, icvAt + kept);
          const isSame = forged.every((byte, at) => byte === packet[at]);
          expect(opens(forged), `${kept} bytes of it`).toBe(isSame);
        }
      }
    });

    it.each([
      [Encr.ENCR_AES_GCM_8, Encr.ENCR_AES_GCM_16],
      [Encr.ENCR_AES_GCM_12, Encr.ENCR_AES_GCM_16],
      [Encr.ENCR_AES_CCM_8, Encr.ENCR_AES_CCM_16],
      [Encr.ENCR_AES_CCM_12, Encr.ENCR_AES_CCM_16],
    ])(
      'do not open with transform %d as with %d: a short tag is not part of a long one for the asking',
      (short, long) => {
        const suite = { keyBits: 128, integrity: 0 };
        const one = sealed(provider, { ...suite, encryption: short });
        const other = sealed(provider, { ...suite, encryption: long });
        const stretched = other.packet.slice().fill(0, other.icvAt);
        stretched.set(one.packet.subarray(one.icvAt), other.icvAt);
        expect(other.opens(stretched)).toBe(false);
      },
    );
  },
);
