import type { CipherShape, CipherSuite, CryptoProvider } from '@ipsec-kit/crypto';
import { fixedKeyBits, Integ, TransformType } from '@ipsec-kit/crypto';
import type { Transform } from '@ipsec-kit/ikev2-codec';
import { additionalMethods } from '../negotiate/additional-key-exchanges.ts';

/** The algorithms of one IKE SA, by IANA id. */
export interface IkeSuite {
  readonly cipher: CipherSuite;
  readonly shape: CipherShape;
  readonly prf: number;
  /** Key exchange method. */
  readonly method: number;
  readonly transforms: readonly Transform[];
}

/** The cipher suite of chosen transforms (one per type), for IKE or ESP.
 * @returns `undefined` without an encryption transform.
 */
export function cipherSuiteOf(transforms: readonly Transform[]): CipherSuite | undefined {
  const encryption = transforms.find((transform) => transform.type === TransformType.ENCR);
  if (!encryption) return undefined;
  return {
    encryption: encryption.id,
    keyBits: encryption.keyBits ?? fixedKeyBits(encryption.id) ?? 0,
    integrity:
      transforms.find((transform) => transform.type === TransformType.INTEG)?.id ?? Integ.NONE,
  };
}

/** The suite of an IKE SA from its chosen transforms.
 * @returns `undefined` when a transform is missing or the provider lacks an algorithm.
 */
export function ikeSuiteOf(
  crypto: CryptoProvider,
  transforms: readonly Transform[],
): IkeSuite | undefined {
  const cipher = cipherSuiteOf(transforms);
  const shape = cipher && crypto.cipherShape(cipher);
  const prf = transforms.find((transform) => transform.type === TransformType.PRF)?.id;
  const method = transforms.find((transform) => transform.type === TransformType.KE)?.id;
  if (!cipher || !shape || prf === undefined || method === undefined) return undefined;
  const methods = [method, ...additionalMethods(transforms)];
  const isProvided = methods.every((one) => crypto.keyExchangePublicBytes(one) !== undefined);
  if (!crypto.prfShape(prf) || !isProvided) return undefined;
  return { cipher, shape, prf, method, transforms };
}
