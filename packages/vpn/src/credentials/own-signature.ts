import {
  certificateVouchesFor,
  encodeSignatureAuth,
  formatIdentity,
  type Identity,
  planSignatures,
  type SignaturePlan,
} from '@ipsec-kit/auth';
import type { CryptoProvider, SigningKey } from '@ipsec-kit/crypto';
import { bytesEqual } from '@ipsec-kit/crypto';
import type { Answer, CertificateData, SignRequest } from '@ipsec-kit/ikev2';
import { CertEncoding } from '@ipsec-kit/ikev2-codec';
import { type Certificate, chooseChain, namesOf } from '@ipsec-kit/x509';
import type {
  CompiledCredentials,
  NamedCertificate,
  OwnCredentials,
} from './compiled-credentials.ts';
import type { Keyring } from './keyring.ts';
import { chainAbove } from './own-chain.ts';
import type { OwnEvidence } from './own-evidence.ts';
import { allowsSignature } from './signature-rule.ts';

/** A key, and what says that it is ours: a certificate and the intermediate CAs above it, or the public key alone. */
interface OwnChain {
  readonly key: SigningKey;
  /** Empty of a raw public key. */
  readonly chain: readonly Certificate[];
}

/** One way to sign. */
interface Way {
  readonly owner: OwnChain;
  readonly plan: SignaturePlan;
}

/** Makes what signs for this side: chooses the certificate that the peer asks for, its key, and the best algorithm that the peer
 * takes; after each refusal another way.
 */
export function createOwnSignatures(
  credentials: CompiledCredentials,
  keyring: Keyring,
  crypto: Pick<CryptoProvider, 'sha1'>,
  ocspFor: OwnEvidence,
): (request: SignRequest) => Promise<Answer> {
  const loose = [...credentials.certificates, ...keyring.certificates];

  function chainsFor(own: OwnCredentials, local: Identity): readonly OwnChain[] {
    const isNamed = own.certificates.length + own.publicKeys.length > 0;
    const named = isNamed ? own.certificates : loose;
    const certified = named
      .filter(({ certificate }) => certificateVouchesFor(namesOf(certificate, crypto), local))
      .flatMap(({ certificate }) => {
        const key = keyFor(certificate.publicKey);
        return key ? [{ key, chain: chainOf(certificate, named) }] : [];
      });
    const raw = own.publicKeys.flatMap(({ publicKey }) => {
      const key = keyFor(publicKey);
      return key ? [{ key, chain: [] }] : [];
    });
    return [...certified, ...raw];
  }

  function keyFor(publicKey: Uint8Array): SigningKey | undefined {
    return keyring.keys.find((key) => bytesEqual(key.publicKey, publicKey));
  }

  function chainOf(leaf: Certificate, named: readonly NamedCertificate[]): readonly Certificate[] {
    const known = [...named, ...loose].map(({ certificate }) => certificate);
    return chainAbove(leaf, [...known, ...credentials.authorities]);
  }

  /** The one that the peer asks for. */
  function wantedOf(
    chains: readonly OwnChain[],
    requests: SignRequest['certificateRequests'],
  ): OwnChain | undefined {
    const certified = chains.filter(({ chain }) => chain.length > 0);
    // RFC 7296 §3.7: one payload has the CAs of all, but several are as good.
    const asked = requests.filter(({ encoding }) => encoding === X509);
    const authorities = Uint8Array.from(asked.flatMap(({ data }) => [...data]));
    const isAsked = asked.length > 0;
    const wanted = isAsked && chooseChain(certified, authorities, credentials.authorities, crypto);
    if (wanted) return wanted;
    const isRaw = requests.some(({ encoding }) => encoding === CertEncoding.RAW_PUBLIC_KEY);
    return isRaw ? chains.find(({ chain }) => chain.length === 0) : undefined;
  }

  return async (request) => {
    const { connection, local, peerHashes, certificateRequests, refusals, octets } = request;
    const own = credentials.own.get(connection);
    if (!own) return refused(`The connection ${connection} has no certificates of this side.`);
    const chains = chainsFor(own, local);
    if (chains.length === 0) return refused(noKey(own, local, keyring));
    const wanted = wantedOf(chains, certificateRequests);
    const ordered = wanted ? [wanted, ...chains.filter((one) => one !== wanted)] : chains;
    const ways = waysOf(own, ordered, peerHashes);
    const way = ways[Math.min(refusals, ways.length - 1)];
    if (!way) return refused(nothingInCommon(local, peerHashes));
    const { owner, plan } = way;
    const certificates = certificatesOf(own, owner, certificateRequests);
    const isOcspAsked = certificateRequests.some(({ encoding }) => encoding === OCSP);
    const hasOcsp = own.sendsOcsp && isOcspAsked && certificates.length > 0;
    const [signature, ocsp] = await Promise.all([
      owner.key.sign(plan.algorithm, octets),
      hasOcsp ? ocspFor(owner.chain) : undefined,
    ]);
    return {
      kind: 'sign',
      proof: {
        method: plan.method,
        data: encodeSignatureAuth(plan, signature),
        certificates: ocsp ? [...certificates, ocsp] : certificates,
        hasMore: refusals + 1 < ways.length,
      },
    };
  };
}

const X509 = CertEncoding.X509_CERTIFICATE_SIGNATURE;
const OCSP = CertEncoding.OCSP_CONTENT;

/** CERT payloads that say whose key it is, where the peer is to have them. @see RFC 7296 §3.6, RFC 7670 §3 */
function certificatesOf(
  { sendCertificates }: OwnCredentials,
  { key, chain }: OwnChain,
  requests: SignRequest['certificateRequests'],
): readonly CertificateData[] {
  const encoding = chain.length > 0 ? X509 : CertEncoding.RAW_PUBLIC_KEY;
  const isAsked = requests.some((one) => one.encoding === encoding);
  if (sendCertificates === 'never' || (sendCertificates === 'ifasked' && !isAsked)) return [];
  const parts = chain.length > 0 ? chain.map(({ der }) => der) : [key.publicKey];
  return parts.map((data) => ({ encoding, data }));
}

/** All ways to sign: the best of each key first, then those that differ in more than the hash, so that few attempts try much. */
function waysOf(
  { rule }: OwnCredentials,
  chains: readonly OwnChain[],
  peerHashes: readonly number[] | undefined,
): readonly Way[] {
  const policy = {
    acceptSha1: rule.hashes.includes('sha1'),
    minimumRsaBits: 2048,
    rsaPadding: rule.padding ?? 'pss',
  } as const;
  const ranked = chains.flatMap((owner) => {
    const kinds = new Set<string>();
    return planSignatures(owner.key.info, peerHashes, policy)
      .filter(({ algorithm }) => allowsSignature(rule, owner.key.info, algorithm))
      .map((plan, index) => {
        const isFirstOfKind = !kinds.has(plan.algorithm.kind);
        kinds.add(plan.algorithm.kind);
        return { owner, plan, rank: index === 0 ? 0 : isFirstOfKind ? 1 : 2 };
      });
  });
  return ranked.toSorted((a, b) => a.rank - b.rank);
}

function noKey(own: OwnCredentials, local: Identity, { faults }: Keyring): string {
  const names = [...own.certificates, ...own.publicKeys].map(({ name }) => name).join(', ');
  const what = names === '' ? formatIdentity(local) : names;
  const hint = faults.length === 0 ? '' : ` ${faults.slice(0, 3).join(' ')}`;
  return `There is no private key that fits a certificate for ${what}; add it to the private keys.${hint}`;
}

function nothingInCommon(local: Identity, peerHashes: readonly number[] | undefined): string {
  const peer =
    peerHashes === undefined ? 'which does not know RFC 7427' : 'nor does it take another hash';
  return `No key of ${formatIdentity(local)} can sign in a way that is allowed here and that the peer takes, ${peer}; use an ECDSA or RSA key, or another auth setting.`;
}

function refused(sentence: string): Answer {
  return { kind: 'sign', proof: undefined, sentence };
}
