import type { CryptoProvider, SignatureProvider } from '@ipsec-kit/crypto';
import { bytesEqual } from '@ipsec-kit/crypto';
import { type Certificate, readCertificate } from './certificate.ts';
import { KeyPurpose, KeyUsage } from './certificate-extensions.ts';
import { allowsNames } from './name-constraints.ts';
import type { OcspResponse } from './ocsp-response.ts';
import {
  dateFault,
  findPaths,
  hashFault,
  keyFault,
  MAX_SIGNATURE_CHECKS,
  type PathFailure,
  type PathPolicy,
  type PathSearch,
} from './path-search.ts';
import { allowsPath } from './pkijs-path-check.ts';
import type { RevocationList } from './revocation-list.ts';
import { createListCheck, type IssuedCertificate, judgeRevocation } from './revocation-status.ts';

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
  /** From the peer (CERT payloads of encoding 14, RFC 4806) and from responders; at most 16 are looked at. */
  readonly responses?: readonly OcspResponse[];
  /** OCSP responders that are trusted by themselves. */
  readonly responders?: readonly Certificate[];
  /** Whether a certificate without a fresh CRL of its CA or OCSP response is refused (`hard`), taken (`soft`), or whether neither
   * is looked at (`off`).
   */
  readonly revocation: 'hard' | 'soft' | 'off';
  /** What the peer is. With extKeyUsage it has to be for that (`serverAuth`, `clientAuth`), or for IKE (RFC 4945 §5.1.3.12); `any` looks
   * at nothing.
   */
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
      /** Until when the verdict stands: the first end of a certificate, CRL or OCSP response that it rests on, in milliseconds since
       * 1970.
       */
      readonly validUntilMs: number;
      /** Certificates of the path of which nothing says whether they are revoked; empty when nothing was looked at. */
      readonly unproven: readonly IssuedCertificate[];
    }
  | {
      readonly ok: false;
      readonly code: CertificateFailure;
      readonly sentence: string;
      /** Of `revocation-unknown`: what to find out before asking again. */
      readonly unproven?: readonly IssuedCertificate[];
    };

/** Checks certificates; for the driver, which answers a machine's request with the verdict. */
export interface CertificateValidator {
  /** Never rejects, whatever the peer sent. */
  check(check: CertificateCheck): Promise<CertificateVerdict>;
}

/** Makes a validator from a provider of signatures and one of SHA-1 (for key ids). Kept, it verifies a CRL once for all peers. */
export function createCertificateValidator(
  signatures: SignatureProvider,
  crypto: Pick<CryptoProvider, 'sha1'>,
): CertificateValidator {
  const isOf = createListCheck(signatures);
  return {
    async check(check) {
      const leaf = readLeaf(check);
      if (typeof leaf === 'string') return refuse(leaf);
      const search = searchFor(check, signatures);
      let failure: CertificateFailure | undefined;
      let unproven: readonly IssuedCertificate[] | undefined;
      for await (const path of findPaths(search, [leaf])) {
        if (!keepsNames(path) || !(await allowsPath(path, check.atMs))) {
          failure ??= 'constraints';
          continue;
        }
        const found = await judgeRevocation(check, path, signatures, crypto, isOf);
        // One path that leads to a revoked certificate is enough to know that it is revoked.
        if (found === 'revoked') return refuse(found);
        if (check.revocation === 'hard' && found.unproven.length > 0) {
          failure ??= 'revocation-unknown';
          unproven ??= found.unproven;
          continue;
        }
        return { ok: true, certificate: leaf, names: namesOf(leaf, crypto), path, ...found };
      }
      const refusal = refuse(failure ?? search.failure);
      return failure === 'revocation-unknown' && unproven ? { ...refusal, unproven } : refusal;
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

/** What has an extKeyUsage has to be for IKE or for anything; all else MUST be refused, an initiator's of `serverAuth` alone as well.
 * Beyond that, on purpose: the role's own purpose of TLS and iKEIntermediate, which gateways have that Windows and Apple's devices
 * are to believe, and which public CAs issue.
 * @see RFC 4945 §5.1.3.12
 */
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
        !bytesEqual(subject, issuer) || hashFault(signatureAlgorithm, policy) === undefined,
    ),
    atMs,
    policy,
    signatureChecks: MAX_SIGNATURE_CHECKS,
    failure: 'unknown-issuer',
  };
}

/** Whether every CA of a path, the anchor too, allows all names below it. A self-issued CA certificate does not count (§6.1.3 (b)).
 * pkijs looks at constraints as well, but takes one permitted name for all, and none from an anchor.
 * @see RFC 5280 §4.2.1.10, §6.1.3 (b), (c)
 */
function keepsNames(path: readonly Certificate[]): boolean {
  return path.every(({ extensions: { nameConstraints } }, i) => {
    if (nameConstraints === undefined) return true;
    return path.slice(0, i).every(({ subject, issuer, extensions }, k) => {
      const isExempt = k > 0 && bytesEqual(subject, issuer);
      return isExempt || allowsNames(nameConstraints, subject, extensions.generalNames);
    });
  });
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
  'wrong-usage':
    'The certificate of the peer is for another use (keyUsage or extKeyUsage); have it issued without extKeyUsage, or with ipsecIKE in it.',
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
  'revocation-unknown':
    'There is no fresh CRL or OCSP response for a certificate in the path of the peer.',
};

function refuse(code: CertificateFailure): CertificateVerdict & { readonly ok: false } {
  return { ok: false, code, sentence: SENTENCES[code] };
}
