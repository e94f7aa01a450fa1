import type { CryptoProvider, SignatureProvider } from '@ipsec-kit/crypto';
import { type Certificate, readCertificate } from './certificate.ts';
import { KeyPurpose, KeyUsage } from './certificate-extensions.ts';
import { allowsNames } from './name-constraints.ts';
import {
  dateFault,
  findPaths,
  hashFault,
  isSame,
  keyFault,
  MAX_SIGNATURE_CHECKS,
  type PathFailure,
  type PathPolicy,
  type PathSearch,
} from './path-search.ts';
import { allowsPath } from './pkijs-path-check.ts';
import { type RevocationList, serialText } from './revocation-list.ts';

/** Most certificates that a peer may send. */
export const MAX_OFFERED_CERTIFICATES = 16;

/** A peer's certificates and against what they are held. */
export interface CertificateCheck {
  /** In DER, as they came: the peer's own first (RFC 7296 §3.6), the others in any order. */
  readonly offered: readonly Uint8Array[];
  /** The CAs that are trusted for this peer. */
  readonly anchors: readonly Certificate[];
  /** Intermediate CAs of one's own. */
  readonly intermediates?: readonly Certificate[];
  readonly lists?: readonly RevocationList[];
  /** Whether a certificate without a fresh CRL of its CA is refused (`hard`), taken (`soft`), or none is looked at (`off`). */
  readonly revocation: 'hard' | 'soft' | 'off';
  /** What the peer is. With extKeyUsage it has to be for that, or for IKE (RFC 4945 §5.1.3.12); `any` looks at nothing. */
  readonly purpose: 'server' | 'client' | 'any';
  readonly policy: PathPolicy;
  /** Now, in milliseconds since 1970, from the caller's clock. */
  readonly atMs: number;
}

/** Why a peer's certificates were refused. All mean AUTHENTICATION_FAILED to the peer, who is not told which. */
export type CertificateFailure =
  | PathFailure
  | 'no-certificate'
  | 'too-many'
  | 'too-large'
  | 'malformed'
  | 'unsupported'
  /** A critical extension that nobody here understands. */
  | 'unknown-critical'
  /** keyUsage or extKeyUsage do not allow it. */
  | 'wrong-usage'
  /** Name constraints or certificate policies of the path. */
  | 'constraints'
  | 'revoked'
  | 'revocation-unknown';

/** Names of a certificate, in the shape in which `@ipsec-kit/auth` matches identities with them. */
export interface NamesOfCertificate {
  readonly subject: Uint8Array;
  readonly altNames: readonly { readonly idType: number; readonly data: Uint8Array }[];
  readonly keyIds: readonly Uint8Array[];
}

/** The verdict on a peer's certificates. */
export type CertificateVerdict =
  | {
      readonly ok: true;
      readonly certificate: Certificate;
      readonly names: NamesOfCertificate;
      /** From the peer's certificate to the anchor. */
      readonly path: readonly Certificate[];
      /** Until when the verdict stands: the first end of a certificate or CRL that it rests on, in milliseconds since 1970. */
      readonly validUntilMs: number;
    }
  | { readonly ok: false; readonly code: CertificateFailure; readonly sentence: string };

/** Checks certificates; for the driver, which answers a machine's request with the verdict. */
export interface CertificateValidator {
  /** Never rejects, whatever the peer sent. */
  check(check: CertificateCheck): Promise<CertificateVerdict>;
}

/** Makes a validator from a provider of signatures and one of SHA-1 (for key ids). */
export function createCertificateValidator(
  signatures: SignatureProvider,
  crypto: Pick<CryptoProvider, 'sha1'>,
): CertificateValidator {
  return {
    async check(check) {
      const leaf = readLeaf(check);
      if (typeof leaf === 'string') return refuse(leaf);
      const search = searchFor(check, signatures);
      let failure: CertificateFailure | undefined;
      for await (const path of findPaths(search, [leaf])) {
        const found = await judge(check, path, signatures);
        if (typeof found === 'object') {
          return { ok: true, certificate: leaf, names: namesOf(leaf, crypto), path, ...found };
        }
        // One path that leads to a revoked certificate is enough to know that it is revoked.
        if (found === 'revoked') return refuse(found);
        failure ??= found;
      }
      return refuse(failure ?? search.failure);
    },
  };
}

function readLeaf({
  offered,
  atMs,
  policy,
  purpose,
}: CertificateCheck): Certificate | CertificateFailure {
  const [der] = offered;
  if (der === undefined) return 'no-certificate';
  if (offered.length > MAX_OFFERED_CERTIFICATES) return 'too-many';
  const read = readCertificate(der);
  if (!read.ok) return read.code;
  const { certificate } = read;
  const { extensions } = certificate;
  if (extensions.hasUnknownCritical) return 'unknown-critical';
  const fault =
    dateFault(certificate, atMs) ??
    keyFault(certificate, policy) ??
    hashFault(certificate.signatureAlgorithm, policy);
  if (fault !== undefined) return fault;
  // RFC 4945 §5.1.3.2: one of the two bits, when there is a keyUsage.
  const signing = KeyUsage.DIGITAL_SIGNATURE | KeyUsage.NON_REPUDIATION;
  const maySign = extensions.keyUsage === undefined || (extensions.keyUsage & signing) !== 0;
  return maySign && isFor(purpose, extensions.purposes) ? certificate : 'wrong-usage';
}

/** @see RFC 4945 §5.1.3.12 */
function isFor(purpose: CertificateCheck['purpose'], purposes: readonly string[] | undefined) {
  if (purpose === 'any' || purposes === undefined) return true;
  const { ANY, IKE, IKE_INTERMEDIATE, SERVER_AUTH, CLIENT_AUTH } = KeyPurpose;
  const own = purpose === 'server' ? SERVER_AUTH : CLIENT_AUTH;
  return [ANY, IKE, IKE_INTERMEDIATE, own].some((wanted) => purposes.includes(wanted));
}

function searchFor(check: CertificateCheck, signatures: SignatureProvider): PathSearch {
  const { anchors, atMs, policy } = check;
  // What cannot be read of the rest is as good as not sent.
  const offered = check.offered.slice(1).flatMap((der) => {
    const read = readCertificate(der);
    return read.ok ? [read.certificate] : [];
  });
  return {
    signatures,
    anchors,
    // Peers send their root along, too: one that is not trusted here leads nowhere, and its own signature says nothing.
    intermediates: [...(check.intermediates ?? []), ...offered].filter(
      ({ subject, issuer, signatureAlgorithm }) =>
        !isSame(subject, issuer) || hashFault(signatureAlgorithm, policy) === undefined,
    ),
    atMs,
    policy,
    signatureChecks: MAX_SIGNATURE_CHECKS,
    failure: 'unknown-issuer',
  };
}

async function judge(
  check: CertificateCheck,
  path: readonly Certificate[],
  signatures: SignatureProvider,
): Promise<{ readonly validUntilMs: number } | CertificateFailure> {
  if (!keepsNames(path) || !(await allowsPath(path, check.atMs))) return 'constraints';
  let validUntilMs = Math.min(...path.map(({ notAfterMs }) => notAfterMs));
  if (check.revocation === 'off') return { validUntilMs };
  for (const [i, certificate] of path.entries()) {
    const issuer = path[i + 1];
    if (issuer === undefined) break;
    const list = await freshList(check, issuer, signatures);
    if (list === undefined && check.revocation === 'hard') return 'revocation-unknown';
    if (list === undefined) continue;
    if (list.revoked.has(serialText(certificate.serialNumber))) return 'revoked';
    validUntilMs = Math.min(validUntilMs, list.nextUpdateMs);
  }
  return { validUntilMs };
}

/** Whether every CA of a path, the anchor too, allows all names below it. A self-issued CA certificate does not count (§6.1.3 (b)).
 * pkijs looks at constraints as well, but takes one permitted name for all, and none from an anchor.
 * @see RFC 5280 §4.2.1.10, §6.1.3 (b), (c)
 */
function keepsNames(path: readonly Certificate[]): boolean {
  return path.every(({ extensions: { nameConstraints } }, i) => {
    if (nameConstraints === undefined) return true;
    return path.slice(0, i).every(({ subject, issuer, extensions }, k) => {
      const isExempt = k > 0 && isSame(subject, issuer);
      return isExempt || allowsNames(nameConstraints, subject, extensions.generalNames);
    });
  });
}

/** The newest CRL of a CA that is in its time and has the CA's signature. @see RFC 5280 §6.3.3 */
async function freshList(
  { lists = [], atMs }: CertificateCheck,
  issuer: Certificate,
  signatures: SignatureProvider,
): Promise<RevocationList | undefined> {
  const { keyUsage } = issuer.extensions;
  if (keyUsage !== undefined && !(keyUsage & KeyUsage.CRL_SIGN)) return undefined;
  const candidates = lists
    .filter((list) => isSame(list.issuer, issuer.subject))
    .filter((list) => list.thisUpdateMs <= atMs && atMs <= list.nextUpdateMs)
    .toSorted((a, b) => b.thisUpdateMs - a.thisUpdateMs);
  for (const list of candidates) {
    const isRight = await signatures.verify({
      publicKey: issuer.publicKey,
      algorithm: list.signatureAlgorithm,
      message: list.tbs,
      signature: list.signature,
    });
    if (isRight) return list;
  }
  return undefined;
}

/** The names of a certificate, for the matching of identities. @see RFC 4945 §3.1, RFC 5280 §4.2.1.2 (key ids) */
export function namesOf(
  { subject, extensions, subjectKey, publicKey }: Certificate,
  crypto: Pick<CryptoProvider, 'sha1'>,
): NamesOfCertificate {
  const { subjectKeyId, altNames } = extensions;
  const hashes = [crypto.sha1(subjectKey), crypto.sha1(publicKey)];
  return { subject, altNames, keyIds: subjectKeyId ? [subjectKeyId, ...hashes] : hashes };
}

const SENTENCES: Readonly<Record<CertificateFailure, string>> = {
  'no-certificate': 'The peer sent no certificate.',
  'too-many': `The peer sent more than ${MAX_OFFERED_CERTIFICATES} certificates.`,
  'too-large': 'The certificate of the peer is too large.',
  malformed: 'The certificate of the peer is malformed.',
  unsupported: 'The certificate of the peer has a key or a signature of an unknown kind.',
  'unknown-critical':
    'The certificate of the peer has a critical extension that is not understood.',
  'wrong-usage': 'The certificate of the peer is for another use (keyUsage or extKeyUsage).',
  'unknown-issuer':
    'No trusted CA leads to the certificate of the peer; load the CA or its intermediates.',
  'bad-signature': 'A signature in the certificate path of the peer is wrong.',
  'not-yet-valid': 'A certificate in the path of the peer is not valid yet; check the clocks.',
  expired: 'A certificate in the path of the peer has expired.',
  weak: 'A key or signature in the certificate path of the peer is too weak (RSA below the limit, SHA-1).',
  'not-a-ca': 'A certificate in the path of the peer may not sign others.',
  'too-long': 'The certificate path of the peer is too long.',
  constraints: 'The certificate path of the peer breaks name constraints or policies of a CA.',
  revoked: 'A certificate in the path of the peer has been revoked.',
  'revocation-unknown': 'There is no fresh CRL for a certificate in the path of the peer.',
};

function refuse(code: CertificateFailure): CertificateVerdict {
  return { ok: false, code, sentence: SENTENCES[code] };
}
