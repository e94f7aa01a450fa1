import { type CryptoProvider, KeyMaterial, prfPlus, skeyseedKey } from '@ipsec-kit/crypto';
import { concatBytes } from './concat-bytes.ts';
import type { IkeSuite } from './ike-suite.ts';

/** The secrets of one IKE SA. @see RFC 7296 §2.14 */
export interface IkeKeys {
  /** Derives the keys of Child SAs and of the next IKE SA. */
  readonly skD: KeyMaterial;
  readonly skAi: KeyMaterial;
  readonly skAr: KeyMaterial;
  readonly skEi: KeyMaterial;
  readonly skEr: KeyMaterial;
  readonly skPi: KeyMaterial;
  readonly skPr: KeyMaterial;
}

/** What the keys of an IKE SA follow from. */
export interface IkeKeyInputs {
  readonly sharedSecret: KeyMaterial;
  /** Of the additional key exchanges that followed CREATE_CHILD_SA; erased. @see RFC 9370 §2.2.4 */
  readonly furtherSecrets?: readonly KeyMaterial[];
  readonly initiatorNonce: Uint8Array;
  readonly responderNonce: Uint8Array;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  /** The IKE SA that this one replaces: SKEYSEED follows from its SK_d, with its PRF. @see RFC 7296 §2.18 */
  readonly previous?: { readonly prf: number; readonly skD: KeyMaterial };
}

/** SKEYSEED = prf(Ni | Nr, g^ir), or prf(SK_d of the old IKE SA, g^ir | Ni | Nr [| SK(1) | ...]) for a rekey, then
 * {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+ (SKEYSEED, Ni | Nr | SPIi | SPIr).
 * The shared secret is erased.
 * @see RFC 7296 §2.14, §2.18, RFC 9370 §2.2.4
 */
export function deriveIkeKeys(
  crypto: CryptoProvider,
  suite: IkeSuite,
  inputs: IkeKeyInputs,
): IkeKeys {
  const seed = keySeed(crypto, suite, inputs);
  for (const secret of [inputs.sharedSecret, ...(inputs.furtherSecrets ?? [])]) secret.erase();
  const prfKeyBytes = crypto.prfShape(suite.prf)?.keyBytes ?? 0;
  const { integrityKeyBytes, encryptionKeyBytes } = suite.shape;
  const sizes = [
    prfKeyBytes,
    integrityKeyBytes,
    integrityKeyBytes,
    encryptionKeyBytes,
    encryptionKeyBytes,
    prfKeyBytes,
    prfKeyBytes,
  ];
  const spis = new Uint8Array(16);
  const view = new DataView(spis.buffer);
  view.setBigUint64(0, inputs.initiatorSpi);
  view.setBigUint64(8, inputs.responderSpi);
  const stream = prfPlus(
    crypto,
    suite.prf,
    seed,
    concatBytes(inputs.initiatorNonce, inputs.responderNonce, spis),
    sizes.reduce((sum, size) => sum + size, 0),
  );
  seed.erase();
  let offset = 0;
  const take = (bytes: number): KeyMaterial => {
    const part = stream.slice(offset, offset + bytes);
    offset += bytes;
    return part;
  };
  // The order of the fields is the order of the key stream.
  const keys: IkeKeys = {
    skD: take(prfKeyBytes),
    skAi: take(integrityKeyBytes),
    skAr: take(integrityKeyBytes),
    skEi: take(encryptionKeyBytes),
    skEr: take(encryptionKeyBytes),
    skPi: take(prfKeyBytes),
    skPr: take(prfKeyBytes),
  };
  stream.erase();
  return keys;
}

function keySeed(crypto: CryptoProvider, suite: IkeSuite, inputs: IkeKeyInputs): KeyMaterial {
  const { initiatorNonce, responderNonce, previous, sharedSecret, furtherSecrets = [] } = inputs;
  if (!previous) {
    const key = skeyseedKey(suite.prf, initiatorNonce, responderNonce);
    return new KeyMaterial(crypto.prf(suite.prf, key, sharedSecret.reveal()));
  }
  const nonces = concatBytes(initiatorNonce, responderNonce);
  const further = furtherSecrets.map((secret) => secret.reveal());
  const content = concatBytes(sharedSecret.reveal(), nonces, ...further);
  const seed = new KeyMaterial(crypto.prf(previous.prf, previous.skD, content));
  content.fill(0);
  return seed;
}

/** Overwrites all keys of an IKE SA. */
export function eraseIkeKeys(keys: IkeKeys): void {
  for (const key of Object.values(keys) as KeyMaterial[]) key.erase();
}
