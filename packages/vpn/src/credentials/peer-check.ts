import { certificateVouchesFor, type Identity } from '@ipsec-kit/auth';
import type { Answer, PeerVerdict, VerifyPeerRequest } from '@ipsec-kit/ikev2';
import { CertEncoding } from '@ipsec-kit/ikev2-codec';
import {
  type Certificate,
  type CertificateVerdict,
  namesOf,
  type OcspResponse,
  readOcspResponse,
} from '@ipsec-kit/x509';
import { namesText } from './certificate-names.ts';
import type { ChainTrust, CompiledCredentials, PeerCredentials } from './compiled-credentials.ts';
import { checkPath, type PathCheckOptions, type PathQuestion } from './path-check.ts';
import { type PeerBelief, refuse } from './peer-belief.ts';
import { type PeerProof, proofOfPath } from './peer-proof.ts';
import { checkSignature } from './peer-signature.ts';
import { checkPinned } from './pinned-check.ts';

/** What peers are checked with. */
export interface PeerCheckOptions extends PathCheckOptions {
  readonly credentials: CompiledCredentials;
  /** Told by what a peer is believed, before the answer says that it is. */
  readonly onProven?: (spis: VerifyPeerRequest['spis'], proof: PeerProof) => void;
}

/** Certificates of a peer that were shown outside of signatures in IKE, such as those of TLS inside EAP. */
export interface ChainQuestion
  extends Pick<VerifyPeerRequest, 'connection' | 'role' | 'isReauthentication'> {
  readonly trust: ChainTrust;
  /** Its own first. */
  readonly offered: readonly Uint8Array[];
}

/** Checks such certificates; never rejects. */
export type ChainCheck = (question: ChainQuestion) => Promise<PathVerdict>;

/** Whether a path leads to a trusted CA, and by what that can be looked at again. */
export type PathVerdict =
  | { readonly ok: true; readonly proof: PeerProof }
  | (PeerVerdict & { readonly ok: false });

/** Makes a {@link ChainCheck}. */
export function createChainCheck(options: PathCheckOptions): ChainCheck {
  return async (asked) => {
    const { trust: peer, role, offered, isReauthentication } = asked;
    const evidence = evidenceFor(isReauthentication);
    const question = { peer, role, offered, stapled: [], evidence } as const;
    const found = taken(await checkPath(options, question), question);
    return found.ok ? { ok: true, proof: proofOfPath(asked, found, []) } : found;
  };
}

/** What is fetched may have to go through the tunnel that is made anew: it is looked at again as soon as that stands. */
function evidenceFor(isReauthentication: boolean): 'leave' | 'await' {
  return isReauthentication ? 'leave' : 'await';
}

/** Certificates that are tried for one peer: the one that it sends, and those of the configuration. */
const MAX_TRIED = 4;

/** Makes what checks peers: their certificates up to a trusted CA, that these are not revoked, that they vouch for the identity, and
 * the signature. Each key that may be the peer's is tried before it is refused.
 */
export function createPeerCheck(
  options: PeerCheckOptions,
): (request: VerifyPeerRequest) => Promise<Answer> {
  return async (request) => {
    const peer = options.credentials.peers.get(request.connection);
    const belief = peer
      ? await check(options, peer, request)
      : refuse(`the connection ${request.connection} trusts nobody's certificate`);
    if (!belief.ok) return { kind: 'verify-peer', verdict: belief };
    if (belief.proof) options.onProven?.(request.spis, belief.proof);
    return { kind: 'verify-peer', verdict: { ok: true } };
  };
}

async function check(
  options: PeerCheckOptions,
  peer: PeerCredentials,
  request: VerifyPeerRequest,
): Promise<PeerBelief> {
  if (peer.pinned.length + peer.publicKeys.length > 0) return checkPinned(options, peer, request);
  const offered = offeredBy(request);
  const [first, ...rest] = offered;
  const paths = [...(first ? [first] : []), ...kept(options, request.remote)];
  let refusal: PeerBelief | undefined;
  for (const own of paths.slice(0, MAX_TRIED)) {
    const belief = await checkOffered(options, peer, request, [own, ...rest]);
    if (belief.ok) return belief;
    refusal ??= belief;
  }
  return refusal ?? refuse(missing(request));
}

async function checkOffered(
  options: PeerCheckOptions,
  peer: PeerCredentials,
  request: VerifyPeerRequest,
  offered: readonly Uint8Array[],
): Promise<PeerBelief> {
  const { role, isReauthentication } = request;
  const stapled = stapledBy(request);
  const evidence = evidenceFor(isReauthentication);
  const question = { peer, role, offered, stapled, evidence } as const;
  const found = taken(await checkPath(options, question), question);
  if (!found.ok) return found;
  const key = await checkKey(options, peer, request, found.certificate);
  return key.ok ? { ok: true, proof: proofOfPath(request, found, stapled) } : key;
}

/** Takes a path, or refuses it, as the connection wants to know of revocation. */
function taken(
  verdict: CertificateVerdict,
  { peer: { revocation }, evidence }: PathQuestion,
): (CertificateVerdict & { readonly ok: true }) | (PeerVerdict & { readonly ok: false }) {
  if (!verdict.ok) return refuse(detailOf(verdict.sentence));
  if (verdict.unproven.length === 0 || revocation === 'relaxed' || evidence === 'leave') {
    return verdict;
  }
  return refuse(
    `nothing fresh says whether its certificate has been revoked, and revocation = ${revocation} wants to know; see to the CRL`,
  );
}

/** OCSP responses that the peer sent along. @see RFC 4806 */
function stapledBy({ certificates }: VerifyPeerRequest): readonly OcspResponse[] {
  return certificates
    .filter(({ encoding }) => encoding === CertEncoding.OCSP_CONTENT)
    .flatMap(({ data }) => {
      const read = readOcspResponse(data);
      return read.ok ? [read.response] : [];
    });
}

/** The certificates of its CERT payloads; those that are named by hash and URL are not fetched (RFC 7296 §3.6). */
function offeredBy({ certificates }: VerifyPeerRequest): readonly Uint8Array[] {
  return certificates
    .filter(({ encoding }) => encoding === CertEncoding.X509_CERTIFICATE_SIGNATURE)
    .map(({ data }) => data);
}

/** Certificates of the configuration that are for the peer, which may leave its own out. */
function kept({ credentials, crypto }: PeerCheckOptions, remote: Identity): readonly Uint8Array[] {
  return credentials.certificates
    .filter(({ certificate }) => certificateVouchesFor(namesOf(certificate, crypto), remote))
    .map(({ certificate }) => certificate.der);
}

function missing({ certificates }: VerifyPeerRequest): string {
  const isElsewhere = certificates.some(
    ({ encoding }) =>
      encoding === CertEncoding.HASH_AND_URL_OF_X509_CERTIFICATE ||
      encoding === CertEncoding.HASH_AND_URL_OF_X509_BUNDLE,
  );
  if (isElsewhere)
    return 'it names its certificate by a URL, which is not fetched; have it send the certificate itself';
  return 'it sent no certificate, and none of the configuration is for it; have it send one (send_cert = always)';
}

/** Whether a certificate is for the peer's identity, and its key has signed. */
async function checkKey(
  { signatures, crypto }: PathCheckOptions,
  peer: PeerCredentials,
  request: VerifyPeerRequest,
  certificate: Certificate,
): Promise<PeerVerdict> {
  const names = namesOf(certificate, crypto);
  if (!certificateVouchesFor(names, request.remote)) {
    return refuse(`its certificate is for ${namesText(names)}`);
  }
  return checkSignature(signatures, peer, request, certificate.publicKey);
}

/** A sentence as it stands inside of another. */
function detailOf(sentence: string): string {
  return `${sentence.slice(0, 1).toLowerCase()}${sentence.slice(1)}`.replace(/\.$/, '');
}
