import {
  bytesEqual,
  readPublicKey,
  type SignatureAlgorithm,
  type SignatureProvider,
} from '@ipsec-kit/crypto';
import type { Certificate } from './certificate.ts';
import { KeyUsage } from './certificate-extensions.ts';
import { isNamedIssuer } from './named-issuer.ts';

/** Most certificates in a path, both ends included. */
export const MAX_PATH_CERTIFICATES = 8;
/** Most signatures that are verified for one peer, whatever it sends. */
export const MAX_SIGNATURE_CHECKS = 32;

/** What is good enough in a path. */
export interface PathPolicy {
  /** Whether certificates signed with SHA-1 are taken: for old CAs only. */
  readonly acceptSha1: boolean;
  readonly minimumRsaBits: number;
}

/** Why there is no path: the reason that came closest to one. */
export type PathFailure =
  /** No issuer is known. */
  | 'unknown-issuer'
  | 'bad-signature'
  | 'not-yet-valid'
  | 'expired'
  /** A key or signature of an issuer is too weak. */
  | 'weak'
  /** An issuer is no CA, may not sign certificates, or may not have so many below it. */
  | 'not-a-ca'
  | 'too-long';

/** What a search goes through, and what it came to. */
export interface PathSearch {
  readonly signatures: SignatureProvider;
  readonly anchors: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  readonly atMs: number;
  readonly policy: PathPolicy;
  /** Counts down from {@link MAX_SIGNATURE_CHECKS}. */
  signatureChecks: number;
  failure: PathFailure;
}

/** From `least` telling to most. */
const TELLING: readonly PathFailure[] = [
  'unknown-issuer',
  'bad-signature',
  'too-long',
  'not-a-ca',
  'weak',
  'not-yet-valid',
  'expired',
];

/** All paths from a certificate to an anchor whose signatures, dates, CA bits and path lengths are right, the shortest first
 * among those that one issuer leads to. Bounded in length and in signatures, so that certificates which sign one another in
 * circles, or a hundred of one name, cost no more than {@link MAX_SIGNATURE_CHECKS} verifications.
 * @see RFC 5280 §6.1, RFC 4158
 */
export async function* findPaths(
  search: PathSearch,
  path: readonly Certificate[],
): AsyncGenerator<readonly Certificate[]> {
  const [subject] = path.slice(-1);
  if (subject === undefined) return;
  if (path.length >= MAX_PATH_CERTIFICATES) {
    note(search, 'too-long');
    return;
  }
  const known = search.anchors.filter((anchor) => isNamedIssuer(anchor, subject));
  const offered = search.intermediates.filter((other) => isNamedIssuer(other, subject));
  for (const issuer of [...known, ...offered]) {
    if (path.some(({ der }) => bytesEqual(der, issuer.der))) continue;
    const isAnchor = known.includes(issuer);
    if (!(await isIssuer(search, path, issuer, isAnchor))) continue;
    const next = [...path, issuer];
    if (isAnchor) yield next;
    else yield* findPaths(search, next);
  }
}

async function isIssuer(
  search: PathSearch,
  path: readonly Certificate[],
  issuer: Certificate,
  isAnchor: boolean,
): Promise<boolean> {
  const [subject] = path.slice(-1);
  if (subject === undefined) return false;
  const fault =
    dateFault(issuer, search.atMs) ??
    keyFault(issuer, search.policy) ??
    // An anchor is trusted, not its signature.
    (isAnchor ? undefined : hashFault(issuer.signatureAlgorithm, search.policy)) ??
    (maySign(path, issuer) ? undefined : 'not-a-ca');
  if (fault !== undefined) return note(search, fault);
  if (search.signatureChecks === 0) return note(search, 'too-long');
  search.signatureChecks -= 1;
  const isRight = await search.signatures.verify({
    publicKey: issuer.publicKey,
    algorithm: subject.signatureAlgorithm,
    message: subject.tbs,
    signature: subject.signature,
  });
  return isRight || note(search, 'bad-signature');
}

/** Remembers a failure when it says more than the one before. */
function note(search: PathSearch, failure: PathFailure): false {
  if (TELLING.indexOf(failure) > TELLING.indexOf(search.failure)) search.failure = failure;
  return false;
}

/** Whether a certificate is out of its time. @see RFC 5280 §6.1.3 (a)(2) */
export function dateFault(
  certificate: Certificate,
  atMs: number,
): 'not-yet-valid' | 'expired' | undefined {
  if (atMs < certificate.notBeforeMs) return 'not-yet-valid';
  return atMs > certificate.notAfterMs ? 'expired' : undefined;
}

/** Whether an RSA key is too short. */
export function keyFault(certificate: Certificate, policy: PathPolicy): 'weak' | undefined {
  const key = readPublicKey(certificate.publicKey);
  const isShort = key.ok && key.key.kind === 'rsa' && key.key.bits < policy.minimumRsaBits;
  return isShort ? 'weak' : undefined;
}

/** Whether something is signed with a hash that is too weak. A certificate that names itself as its issuer is no exception: any
 * other key may have signed it.
 */
export function hashFault(algorithm: SignatureAlgorithm, policy: PathPolicy): 'weak' | undefined {
  return 'hash' in algorithm && algorithm.hash === 'sha1' && !policy.acceptSha1
    ? 'weak'
    : undefined;
}

/** @see RFC 5280 §6.1.4 (k)-(n), §4.2.1.9 (self-issued certificates do not count) */
function maySign(path: readonly Certificate[], { extensions }: Certificate): boolean {
  if (!extensions.isCa || extensions.hasUnknownCritical) return false;
  if (extensions.keyUsage !== undefined && !(extensions.keyUsage & KeyUsage.CERT_SIGN))
    return false;
  const below = path.slice(1).filter(({ subject, issuer }) => !bytesEqual(subject, issuer)).length;
  return extensions.pathLength === undefined || below <= extensions.pathLength;
}
