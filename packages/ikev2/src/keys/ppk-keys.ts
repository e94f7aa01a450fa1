import { type CryptoProvider, type KeyMaterial, prfPlus } from '@ipsec-kit/crypto';
import type { IkeKeys } from './ike-keys.ts';

/** The keys of an IKE SA that a post-quantum pre-shared key goes into. */
export type PpkKeys = Pick<IkeKeys, 'skD' | 'skPi' | 'skPr'>;

/** SK_d = prf+ (PPK, SK_d'), and SK_pi and SK_pr likewise; what they were before is left as it is. Only for the keys of an IKE SA that
 * is being opened, after all additional key exchanges: those of its rekeys follow from SK_d. @see RFC 8784 §3
 */
export function mixPpk(
  crypto: CryptoProvider,
  prf: number,
  { skD, skPi, skPr }: PpkKeys,
  ppk: KeyMaterial,
): PpkKeys {
  const mixed = (key: KeyMaterial): KeyMaterial =>
    prfPlus(crypto, prf, ppk, key.reveal(), key.length);
  return { skD: mixed(skD), skPi: mixed(skPi), skPr: mixed(skPr) };
}

/** Overwrites them. */
export function erasePpkKeys({ skD, skPi, skPr }: PpkKeys): void {
  for (const key of [skD, skPi, skPr]) key.erase();
}
