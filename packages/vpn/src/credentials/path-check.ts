import type { Instant } from '@ipsec-kit/clock';
import type { CryptoProvider, SignatureProvider } from '@ipsec-kit/crypto';
import type { VerifyPeerRequest } from '@ipsec-kit/ikev2';
import type {
  Certificate,
  CertificateValidator,
  CertificateVerdict,
  IssuedCertificate,
  OcspResponse,
} from '@ipsec-kit/x509';
import type { ChainTrust } from './compiled-credentials.ts';
import type { Evidence } from './evidence.ts';

/** What paths of certificates are checked with. */
export interface PathCheckOptions {
  readonly signatures: SignatureProvider;
  readonly crypto: Pick<CryptoProvider, 'sha1'>;
  readonly validator: CertificateValidator;
  readonly evidence: Evidence;
  /** Milliseconds since 1970. */
  readonly dateMs: () => number;
}

/** Certificates, and what they are held against. */
export interface PathQuestion {
  readonly peer: Pick<ChainTrust, 'anchors' | 'policy' | 'revocation'>;
  /** The peer's. */
  readonly role: VerifyPeerRequest['role'];
  /** The peer's own first. */
  readonly offered: readonly Uint8Array[];
  /** OCSP responses that came along. @see RFC 4806 */
  readonly stapled: readonly OcspResponse[];
  /** CRLs and OCSP responses that are not there: they are fetched and awaited, or left for later, or all of the path is fetched anew that
   * was fetched before an instant.
   */
  readonly evidence: 'await' | 'leave' | { readonly freshSince: Instant };
}

/** Whether a path leads to a trusted CA, and nothing in it is revoked. What is `unproven` in the verdict is what the connection wants to
 * know: with `strict` of every certificate, otherwise of those about which somebody can be asked. Never rejects.
 */
export async function checkPath(
  options: PathCheckOptions,
  question: PathQuestion,
): Promise<CertificateVerdict> {
  const { evidence } = options;
  const first = await judge(options, question);
  const missing = first.ok ? wantedFor(first, question) : [];
  const asked = missing.filter((one) => evidence.hasSource(one));
  if (asked.length === 0) return concerning(first, options, question);
  const { evidence: how } = question;
  await evidence.find(asked, typeof how === 'object' ? how.freshSince : undefined);
  return concerning(await judge(options, question), options, question);
}

function judge(
  { validator, evidence, dateMs }: PathCheckOptions,
  { peer, role, offered, stapled }: PathQuestion,
): Promise<CertificateVerdict> {
  return validator.check({
    offered,
    anchors: peer.anchors,
    lists: evidence.lists,
    responses: [...stapled, ...evidence.responses],
    revocation: 'soft',
    purpose: role === 'responder' ? 'server' : 'client',
    policy: peer.policy,
    atMs: dateMs(),
  });
}

/** About which certificates of a path somebody is to be asked now. */
function wantedFor(
  verdict: CertificateVerdict & { readonly ok: true },
  { evidence }: PathQuestion,
): readonly IssuedCertificate[] {
  if (evidence === 'leave') return [];
  return evidence === 'await' ? verdict.unproven : issuedOf(verdict.path);
}

function issuedOf(path: readonly Certificate[]): readonly IssuedCertificate[] {
  return path.flatMap((certificate, index) => {
    const issuer = path[index + 1];
    return issuer ? [{ certificate, issuer }] : [];
  });
}

function concerning(
  verdict: CertificateVerdict,
  { evidence }: PathCheckOptions,
  { peer }: PathQuestion,
): CertificateVerdict {
  if (!verdict.ok || peer.revocation === 'strict') return verdict;
  return { ...verdict, unproven: verdict.unproven.filter((one) => evidence.hasSource(one)) };
}
