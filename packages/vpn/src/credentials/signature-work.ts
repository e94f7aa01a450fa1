import { DEFAULT_SIGNATURE_POLICY } from '@ipsec-kit/auth';
import type { CryptoProvider } from '@ipsec-kit/crypto';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';
import type { SignatureWork } from '@ipsec-kit/ikev2';
import type { CompiledCredentials } from './compiled-credentials.ts';
import { createEvidence, type EvidenceOptions } from './evidence.ts';
import type { Keyring } from './keyring.ts';
import { createOwnSignatures } from './own-signature.ts';
import { type ChainCheck, createChainCheck, createPeerCheck } from './peer-check.ts';

/** What signatures are made and checked with. */
export interface SignatureWorkOptions
  extends Pick<EvidenceOptions, 'clock' | 'scheduler' | 'random' | 'dateMs' | 'fetch'> {
  readonly credentials: CompiledCredentials;
  readonly keyring: Keyring;
  readonly crypto: Pick<CryptoProvider, 'sha1'>;
}

/** Does what the IKE machine asks for where certificates are used: signs for this side, and checks peers. */
export function createSignatureWork(
  options: SignatureWorkOptions,
): SignatureWork & { readonly checkChain: ChainCheck } {
  const { credentials, keyring, crypto, dateMs } = options;
  const signatures = createNodeSignatures();
  const evidence = createEvidence({
    ...options,
    signatures,
    policy: DEFAULT_SIGNATURE_POLICY,
    places: credentials.places,
    lists: credentials.lists,
  });
  const check = { credentials, signatures, crypto, evidence, dateMs };
  return {
    sign: createOwnSignatures(credentials, keyring, crypto),
    verifyPeer: createPeerCheck(check),
    checkChain: createChainCheck(check),
  };
}
