import {
  type CipherShape,
  type CryptoProvider,
  type KeyMaterial,
  prfPlus,
} from '@ipsec-kit/crypto';
import { concatBytes } from './concat-bytes.ts';

/** The keys of both directions of a Child SA. `initiator` is the one who began the exchange that created it. */
export interface ChildKeys {
  readonly fromInitiator: { readonly encryption: KeyMaterial; readonly integrity: KeyMaterial };
  readonly fromResponder: { readonly encryption: KeyMaterial; readonly integrity: KeyMaterial };
}

/** KEYMAT = prf+ (SK_d, [SK(0) |] Ni | Nr [| SK(1) | ...]): first the initiator's direction, encryption before integrity.
 * @param secrets - of key exchanges of its own (CREATE_CHILD_SA with KE, and those that follow it); they are erased.
 * @param skD - of the IKE SA that the Child SA belongs to.
 * @see RFC 7296 §2.17, RFC 9370 §2.2.4
 */
export function deriveChildKeys(
  crypto: CryptoProvider,
  prf: number,
  skD: KeyMaterial,
  nonces: { readonly initiator: Uint8Array; readonly responder: Uint8Array },
  shape: CipherShape,
  secrets: readonly KeyMaterial[] = [],
): ChildKeys {
  const { encryptionKeyBytes, integrityKeyBytes } = shape;
  const [first = [], ...further] = secrets.map((secret) => secret.reveal());
  const direction = encryptionKeyBytes + integrityKeyBytes;
  const stream = prfPlus(
    crypto,
    prf,
    skD,
    concatBytes(Uint8Array.from(first), nonces.initiator, nonces.responder, ...further),
    2 * direction,
  );
  for (const secret of secrets) secret.erase();
  const half = (offset: number): ChildKeys['fromInitiator'] => ({
    encryption: stream.slice(offset, offset + encryptionKeyBytes),
    integrity: stream.slice(offset + encryptionKeyBytes, offset + direction),
  });
  const keys: ChildKeys = { fromInitiator: half(0), fromResponder: half(direction) };
  stream.erase();
  return keys;
}

/** Overwrites keys that the packet path did not take. */
export function eraseChildKeys(...halves: readonly ChildKeys['fromInitiator'][]): void {
  for (const { encryption, integrity } of halves) {
    encryption.erase();
    integrity.erase();
  }
}
