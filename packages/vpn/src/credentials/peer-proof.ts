import type { VerifyPeerRequest } from '@ipsec-kit/ikev2';
import {
  type Certificate,
  type CertificateVerdict,
  namesOf,
  type OcspResponse,
} from '@ipsec-kit/x509';
import type { ChainTrust } from './compiled-credentials.ts';
import { checkPath, type PathCheckOptions, type PathQuestion } from './path-check.ts';

/** By what a peer was believed, kept so that it can be looked at again without the peer. */
export interface PeerProof {
  readonly connection: string;
  /** The peer's. */
  readonly role: VerifyPeerRequest['role'];
  readonly by:
    | {
        readonly kind: 'path';
        /** The peer's own first; without the CA that is trusted. */
        readonly certificates: readonly Uint8Array[];
        readonly stapled: readonly OcspResponse[];
      }
    /** It is in the configuration, and no CA was asked. */
    | { readonly kind: 'pinned'; readonly certificate: Certificate };
  /** What CRLs know the peer's own certificate by. */
  readonly listedAs: Pick<Certificate, 'issuer' | 'serialNumber'>;
  /** Until when the verdict stood, in milliseconds since 1970. */
  readonly validUntilMs: number;
  /** Whether all was known about it that the connection wants to know. */
  readonly isProven: boolean;
}

/** Most OCSP responses of a peer that are kept. */
const MAX_STAPLED = 4;

/** What is kept of a path that leads to a trusted CA. */
export function proofOfPath(
  { connection, role }: Pick<VerifyPeerRequest, 'connection' | 'role'>,
  { certificate, path, validUntilMs, unproven }: CertificateVerdict & { readonly ok: true },
  stapled: readonly OcspResponse[],
): PeerProof {
  // A copy: what came in one message is not kept whole.
  const certificates = path.slice(0, -1).map(({ der }) => der.slice());
  return {
    connection,
    role,
    by: { kind: 'path', certificates, stapled: stapled.slice(0, MAX_STAPLED) },
    listedAs: listedAs(certificate),
    validUntilMs,
    isProven: unproven.length === 0,
  };
}

/** What is kept of a certificate that is in the configuration. */
export function proofOfPinned(
  { connection, role }: Pick<VerifyPeerRequest, 'connection' | 'role'>,
  certificate: Certificate,
): PeerProof {
  return {
    connection,
    role,
    by: { kind: 'pinned', certificate },
    listedAs: listedAs(certificate),
    validUntilMs: certificate.notAfterMs,
    isProven: true,
  };
}

function listedAs({ issuer, serialNumber }: Certificate): PeerProof['listedAs'] {
  return { issuer: issuer.slice(), serialNumber: serialNumber.slice() };
}

/** Looks at a proof again, as things stand now. Never rejects. */
export async function recheckProof(
  options: PathCheckOptions,
  peer: ChainTrust,
  { role, by }: PeerProof,
  evidence: PathQuestion['evidence'],
): Promise<CertificateVerdict> {
  if (by.kind === 'path') {
    const { certificates: offered, stapled } = by;
    return checkPath(options, { peer, role, offered, stapled, evidence });
  }
  const { certificate } = by;
  if (!isInTime(certificate, options.dateMs())) {
    const sentence = 'The certificate of the peer has expired, or is not valid yet.';
    return { ok: false, code: 'expired', sentence };
  }
  return {
    ok: true,
    certificate,
    names: namesOf(certificate, options.crypto),
    path: [certificate],
    validUntilMs: certificate.notAfterMs,
    unproven: [],
  };
}

/** Whether the dates of a certificate allow it, at a time in milliseconds since 1970. */
export function isInTime({ notBeforeMs, notAfterMs }: Certificate, atMs: number): boolean {
  return notBeforeMs <= atMs && atMs <= notAfterMs;
}
