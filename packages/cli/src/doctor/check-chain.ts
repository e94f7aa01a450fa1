import { createNodeProvider, createNodeSignatures } from '@ipsec-kit/crypto/node';
import { type Certificate, createCertificateValidator } from '@ipsec-kit/x509';
import type { Findings } from './finding.ts';

/** A certificate of the configuration, and what it is held against. */
export interface ChainCheck {
  readonly certificate: Certificate;
  readonly file: string;
  readonly anchors: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  /** `any` for one's own, which others believe. */
  readonly purpose: 'any' | 'server';
}

/** Says whether a chain leads from a certificate to a CA of the configuration. */
export async function checkChain(
  { certificate, file, anchors, intermediates, purpose }: ChainCheck,
  findings: Findings,
  atMs: number,
): Promise<void> {
  if (anchors.length === 0) {
    findings.add('info', `no CA is configured against which ${file} could be held`);
    return;
  }
  const signatures = createNodeSignatures();
  const verdict = await createCertificateValidator(signatures, createNodeProvider()).check({
    offered: [certificate.der],
    anchors,
    intermediates,
    revocation: 'off',
    purpose,
    policy: { acceptSha1: false, minimumRsaBits: 2048 },
    atMs,
  });
  if (verdict.ok) {
    findings.add('ok', `a chain leads from ${file} to a configured CA`);
    return;
  }
  // The certificates of this side are believed by the peer, which may know other CAs.
  const isMild = purpose === 'any' && verdict.code === 'unknown-issuer';
  findings.add(isMild ? 'warning' : 'error', `${file}: ${verdict.sentence}`);
}
