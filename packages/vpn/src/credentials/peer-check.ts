import {
  certificateVouchesFor,
  DEFAULT_SIGNATURE_POLICY,
  formatIdentity,
  type Identity,
  identityOfCertificate,
  readSignatureAuth,
  verifySignature,
} from '@ipsec-kit/auth';
import { readPublicKey } from '@ipsec-kit/crypto';
import type { Answer, PeerVerdict, VerifyPeerRequest } from '@ipsec-kit/ikev2';
import { CertEncoding } from '@ipsec-kit/ikev2-codec';
import {
  type Certificate,
  type CertificateVerdict,
  namesOf,
  type OcspResponse,
  readOcspResponse,
} from '@ipsec-kit/x509';
import type { CompiledCredentials, PeerCredentials } from './compiled-credentials.ts';
import { checkPath, type PathCheckOptions, type PathQuestion } from './path-check.ts';
import { isInTime, type PeerProof, proofOfPath, proofOfPinned } from './peer-proof.ts';
import { allowsSignature } from './signature-rule.ts';

/** What peers are checked with. */
export interface PeerCheckOptions extends PathCheckOptions {
  readonly credentials: CompiledCredentials;
  /** Told by what a peer is believed, before the answer says that it is. */
  readonly onProven?: (spis: VerifyPeerRequest['spis'], proof: PeerProof) => void;
}

/** Checks certificates outside of signatures in IKE, such as those of TLS inside EAP; its own first. */
export type ChainCheck = (
  peer: Pick<PeerCredentials, 'anchors' | 'revocation'>,
  role: VerifyPeerRequest['role'],
  offered: readonly Uint8Array[],
) => Promise<PathVerdict>;

/** Whether a path leads to a trusted CA. */
export type PathVerdict =
  | { readonly ok: true; readonly certificate: Certificate }
  | (PeerVerdict & { readonly ok: false });

/** A peer that is believed, and by what; or why it is not. */
type Belief = { readonly ok: true; readonly proof: PeerProof } | (PeerVerdict & { ok: false });

/** Makes a {@link ChainCheck}. */
export function createChainCheck(options: PeerCheckOptions): ChainCheck {
  return async ({ anchors, revocation }, role, offered) => {
    const peer = { anchors, revocation, policy: DEFAULT_SIGNATURE_POLICY };
    const question = { peer, role, offered, stapled: [], evidence: 'await' } as const;
    return taken(await checkPath(options, question), question);
  };
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
    options.onProven?.(request.spis, belief.proof);
    return { kind: 'verify-peer', verdict: { ok: true } };
  };
}

async function check(
  options: PeerCheckOptions,
  peer: PeerCredentials,
  request: VerifyPeerRequest,
): Promise<Belief> {
  const offered = offeredBy(request);
  if (peer.pinned.length > 0) return checkPinned(options, peer, request, offered);
  const [first, ...rest] = offered;
  const paths = [...(first ? [first] : []), ...kept(options, request.remote)];
  let refusal: Belief | undefined;
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
): Promise<Belief> {
  const { role, isReauthentication } = request;
  const stapled = stapledBy(request);
  // What is fetched may have to go through the tunnel that is made anew: it is looked at again as soon as that stands.
  const evidence = isReauthentication ? 'leave' : 'await';
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

/** A peer whose certificate is configured: no CA is asked, only the dates count, and the name. */
async function checkPinned(
  options: PeerCheckOptions,
  peer: PeerCredentials,
  request: VerifyPeerRequest,
  [first]: readonly Uint8Array[],
): Promise<Belief> {
  const known = peer.pinned.filter(
    ({ certificate }) => first === undefined || isSame(certificate.der, first),
  );
  if (known.length === 0) return refuse('its certificate is none of those in remote.certs');
  let refusal: Belief | undefined;
  for (const { certificate } of known) {
    const verdict = isInTime(certificate, options.dateMs())
      ? await checkKey(options, peer, request, certificate)
      : refuse('its certificate has expired, or is not valid yet');
    if (verdict.ok) return { ok: true, proof: proofOfPinned(request, certificate) };
    refusal ??= verdict;
  }
  return refusal ?? refuse('its certificate is none of those in remote.certs');
}

/** Whether a certificate is for the peer's identity, and its key has signed. */
async function checkKey(
  { signatures, crypto }: PathCheckOptions,
  { rule, policy }: PeerCredentials,
  { remote, auth, octets }: VerifyPeerRequest,
  certificate: Certificate,
): Promise<PeerVerdict> {
  const names = namesOf(certificate, crypto);
  if (!certificateVouchesFor(names, remote)) {
    const known = [identityOfCertificate(names), ...names.altNames]
      .flatMap((one) => (one ? [formatIdentity(one)] : []))
      .filter((text, index, all) => all.indexOf(text) === index);
    return refuse(`its certificate is for ${known.slice(0, 8).join(', ')}`);
  }
  const { publicKey } = certificate;
  const info = readPublicKey(publicKey);
  if (!info.ok) return refuse(`the key of its certificate is ${info.code}`);
  const read = readSignatureAuth(auth.method, auth.data, info.key, policy);
  if (!read.ok) return refuse(`its AUTH is refused (${read.code})`);
  const candidates = read.candidates.filter((one) => allowsSignature(rule, info.key, one));
  if (candidates.length === 0) {
    return refuse('its key or the algorithm of its signature is not what remote.auth wants');
  }
  const { signature } = read;
  const isRight = await verifySignature(signatures, {
    publicKey,
    candidates,
    message: octets,
    signature,
  });
  return isRight ? { ok: true } : refuse('its signature is wrong');
}

function refuse(detail: string): PeerVerdict & { readonly ok: false } {
  return { ok: false, detail };
}

/** A sentence as it stands inside of another. */
function detailOf(sentence: string): string {
  return `${sentence.slice(0, 1).toLowerCase()}${sentence.slice(1)}`.replace(/\.$/, '');
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
