import type { CryptoProvider, SignatureProvider } from '@ipsec-kit/crypto';
import { bytesEqual } from '@ipsec-kit/crypto';
import type { Certificate } from './certificate.ts';
import { KeyUsage } from './certificate-extensions.ts';
import { checkOcspResponse, REVOCATION_CLOCK_SKEW_MS, speaksOf } from './ocsp-check.ts';
import type { OcspResponse } from './ocsp-response.ts';
import { hashFault, type PathPolicy } from './path-search.ts';
import { type RevocationList, serialText } from './revocation-list.ts';

/** A certificate and the CA that issued it. */
export interface IssuedCertificate {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
}

/** By what a path is judged. */
export interface RevocationCheck {
  readonly lists?: readonly RevocationList[];
  readonly responses?: readonly OcspResponse[];
  readonly responders?: readonly Certificate[];
  readonly revocation: 'hard' | 'soft' | 'off';
  readonly policy: PathPolicy;
  readonly atMs: number;
}

/** Most OCSP responses that are looked at for one path. */
const MAX_RESPONSES = 16;

/** Whether a certificate of a path is revoked, until when that is known, and of which nothing is known. What comes from a CRL and
 * what comes from OCSP are both looked at: one of them that says *revoked* is enough. A trust anchor is not asked about.
 * @param path - from the end entity to the anchor.
 * @param isOf - remembers what it was asked, for many paths.
 */
export async function judgeRevocation(
  check: RevocationCheck,
  path: readonly Certificate[],
  signatures: SignatureProvider,
  crypto: Pick<CryptoProvider, 'sha1'>,
  isOf: ListCheck = createListCheck(signatures),
): Promise<
  { readonly validUntilMs: number; readonly unproven: readonly IssuedCertificate[] } | 'revoked'
> {
  let validUntilMs = Math.min(...path.map(({ notAfterMs }) => notAfterMs));
  const unproven: IssuedCertificate[] = [];
  if (check.revocation === 'off') return { validUntilMs, unproven };
  for (const [i, certificate] of path.entries()) {
    const issuer = path[i + 1];
    if (issuer === undefined) break;
    const one = { certificate, issuer };
    const answer = await answerOf(check, one, signatures, crypto);
    if (answer === 'revoked') return answer;
    const list = await freshList(check, issuer, isOf);
    if (list?.revoked.has(serialText(certificate.serialNumber))) return 'revoked';
    if (answer === undefined && list === undefined) unproven.push(one);
    validUntilMs = Math.min(
      validUntilMs,
      answer?.validUntilMs ?? validUntilMs,
      list?.nextUpdateMs ?? validUntilMs,
    );
  }
  return { validUntilMs, unproven };
}

/** The newest OCSP answer that says good, or that one says revoked; a responder that does not know it says nothing. */
async function answerOf(
  { responses = [], responders = [], policy, atMs }: RevocationCheck,
  one: IssuedCertificate,
  signatures: SignatureProvider,
  crypto: Pick<CryptoProvider, 'sha1'>,
): Promise<{ readonly validUntilMs: number } | 'revoked' | undefined> {
  let good: { readonly validUntilMs: number } | undefined;
  const telling = responses
    .slice(0, MAX_RESPONSES)
    .filter((response) => speaksOf({ response, ...one }, crypto));
  for (const response of telling) {
    const check = { response, ...one, responders, policy, atMs };
    const verdict = await checkOcspResponse(check, signatures, crypto);
    if (verdict.ok && verdict.status === 'revoked') return 'revoked';
    if (!verdict.ok || verdict.status !== 'good') continue;
    if (good === undefined || verdict.validUntilMs > good.validUntilMs) good = verdict;
  }
  return good;
}

/** The newest CRL of a CA that is in its time and has the CA's signature. @see RFC 5280 §6.3.3 */
async function freshList(
  { lists = [], atMs, policy }: RevocationCheck,
  issuer: Certificate,
  isOf: ListCheck,
): Promise<RevocationList | undefined> {
  // A CRL that was made just now is the one that matters most when something has been revoked.
  const latestMs = atMs + REVOCATION_CLOCK_SKEW_MS;
  const candidates = lists
    .filter((list) => bytesEqual(list.issuer, issuer.subject))
    .filter((list) => list.thisUpdateMs <= latestMs && atMs <= list.nextUpdateMs)
    .filter((list) => hashFault(list.signatureAlgorithm, policy) === undefined)
    // Of two of the same second the one that says more.
    .toSorted((a, b) => b.thisUpdateMs - a.thisUpdateMs || b.revoked.size - a.revoked.size);
  for (const list of candidates) {
    if (await isOf(list, issuer)) return list;
  }
  return undefined;
}

/** Whether a CA has signed a CRL, as {@link isListOf} says. */
export type ListCheck = (list: RevocationList, issuer: Certificate) => Promise<boolean>;

/** Makes a check that hashes a CRL once for all whose CA is the same object: one of 4 MB is a lot to hash for each peer. */
export function createListCheck(signatures: SignatureProvider): ListCheck {
  const known = new WeakMap<RevocationList, WeakMap<Certificate, Promise<boolean>>>();
  return (list, issuer) => {
    const byIssuer = known.get(list) ?? new WeakMap<Certificate, Promise<boolean>>();
    known.set(list, byIssuer);
    const answer = byIssuer.get(issuer) ?? isListOf(list, issuer, signatures);
    byIssuer.set(issuer, answer);
    return answer;
  };
}

/** Whether a CA has signed a CRL, and may. @see RFC 5280 §6.3.3 (f), (g) */
export async function isListOf(
  list: RevocationList,
  issuer: Certificate,
  signatures: SignatureProvider,
): Promise<boolean> {
  const { keyUsage } = issuer.extensions;
  if (keyUsage !== undefined && !(keyUsage & KeyUsage.CRL_SIGN)) return false;
  return signatures.verify({
    publicKey: issuer.publicKey,
    algorithm: list.signatureAlgorithm,
    message: list.tbs,
    signature: list.signature,
  });
}
