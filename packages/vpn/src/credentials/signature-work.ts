import { DEFAULT_SIGNATURE_POLICY } from '@ipsec-kit/auth';
import type { CryptoProvider } from '@ipsec-kit/crypto';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';
import type { SignatureWork } from '@ipsec-kit/ikev2';
import { createCertificateValidator } from '@ipsec-kit/x509';
import type { CompiledCredentials } from './compiled-credentials.ts';
import { createEvidence, type EvidenceOptions } from './evidence.ts';
import type { Keyring } from './keyring.ts';
import { createListStore } from './list-store.ts';
import { createOwnEvidence, type OwnEvidenceOptions } from './own-evidence.ts';
import { createOwnSignatures } from './own-signature.ts';
import {
  type ChainCheck,
  createChainCheck,
  createPeerCheck,
  type PeerCheckOptions,
} from './peer-check.ts';
import { recheckProof } from './peer-proof.ts';
import type { RevalidationOptions } from './revalidation.ts';

/** What signatures are made and checked with. */
export interface SignatureWorkOptions
  extends Pick<EvidenceOptions, 'scheduler' | 'random' | 'dateMs' | 'fetch'>,
    Pick<OwnEvidenceOptions, 'clock'>,
    Pick<PeerCheckOptions, 'onProven'> {
  readonly credentials: CompiledCredentials;
  readonly keyring: Keyring;
  readonly crypto: Pick<CryptoProvider, 'sha1'>;
  readonly warn: (sentence: string) => void;
}

/** What is done with certificates, for the IKE machine and beside it. */
export interface CertificateWork
  extends SignatureWork,
    Pick<RevalidationOptions, 'isListed' | 'recheck' | 'reload'> {
  readonly checkChain: ChainCheck;
}

/** Does what the IKE machine asks for where certificates are used: signs for this side, and checks peers. */
export function createSignatureWork(options: SignatureWorkOptions): CertificateWork {
  const { credentials, keyring, clock, crypto, dateMs, warn, onProven } = options;
  const { authorities } = credentials;
  const signatures = createNodeSignatures();
  const store = createListStore(credentials, warn);
  const evidence = createEvidence({
    ...options,
    signatures,
    policy: DEFAULT_SIGNATURE_POLICY,
    places: credentials.places,
    store,
  });
  const validator = createCertificateValidator(signatures, crypto);
  const ocspFor = createOwnEvidence({ evidence, clock, authorities });
  const paths = { signatures, crypto, validator, evidence, dateMs };
  const check = { ...paths, credentials, ...(onProven ? { onProven } : {}) };
  return {
    sign: createOwnSignatures(credentials, keyring, crypto, ocspFor),
    verifyPeer: createPeerCheck(check),
    checkChain: createChainCheck(check),
    recheck: (peer, proof, how) => recheckProof(paths, peer, proof, how),
    reload: store.reload,
    isListed: ({ listedAs }) => evidence.isListed(listedAs),
  };
}
