import type { SignatureAlgorithm, SignatureProvider } from '@ipsec-kit/crypto';

/** A signature as `readSignatureAuth` hands it on, with the key and what was signed. */
export interface SignatureToVerify {
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
  readonly candidates: readonly SignatureAlgorithm[];
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** Whether the signature is right with one of the candidates; for the driver, which answers the machine's request with it.
 * At once where the provider is synchronous.
 */
export function verifySignature(
  provider: SignatureProvider,
  { candidates, ...check }: SignatureToVerify,
): boolean | Promise<boolean> {
  const [algorithm, ...rest] = candidates;
  if (algorithm === undefined) return false;
  const verdict = provider.verify({ ...check, algorithm });
  const next = (isRight: boolean): boolean | Promise<boolean> =>
    isRight || verifySignature(provider, { ...check, candidates: rest });
  return typeof verdict === 'boolean' ? next(verdict) : verdict.then(next);
}
