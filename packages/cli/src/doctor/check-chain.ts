import { formatIdentity } from '@ipsec-kit/auth';
import { createNodeProvider, createNodeSignatures } from '@ipsec-kit/crypto/node';
import { IdType } from '@ipsec-kit/ikev2-codec';
import {
  type Certificate,
  type CertificateVerdict,
  createCertificateValidator,
  type RevocationList,
} from '@ipsec-kit/x509';
import type { Findings } from './finding.ts';

/** An own certificate of the configuration, and what it is held against. */
export interface ChainCheck {
  readonly certificate: Certificate;
  readonly file: string;
  readonly anchors: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  readonly lists: readonly RevocationList[];
  /** What this side is to its peers. */
  readonly role: 'client' | 'server';
}

const USES = { client: 'clientAuth', server: 'serverAuth' } as const;

/** Says whether a peer with the same CAs will believe a certificate of this side, and what for. */
export async function checkChain(
  { certificate, file, anchors, intermediates, lists, role }: ChainCheck,
  findings: Findings,
  atMs: number,
): Promise<void> {
  if (anchors.length === 0) {
    findings.add('info', `no CA is configured against which ${file} could be held`);
    return;
  }
  const crypto = createNodeProvider();
  const validator = createCertificateValidator(createNodeSignatures(), crypto);
  const check = (purpose: 'any' | typeof role): Promise<CertificateVerdict> =>
    validator.check({
      offered: [certificate.der],
      anchors,
      intermediates,
      lists,
      revocation: 'soft',
      purpose,
      policy: { acceptSha1: false, minimumRsaBits: 2048 },
      atMs,
    });
  const verdict = await check('any');
  if (!verdict.ok) {
    judge(verdict, certificate, file, findings);
    return;
  }
  findings.add('ok', `a chain leads from ${file} to a configured CA`);
  if ((await check(role)).ok) return;
  // As a client strongSwan's does not mind; Apple's, Windows' and ours do mind it of a server.
  findings.add(
    role === 'server' ? 'error' : 'warning',
    `${file} is for another use: peers expect ${USES[role]} in the extKeyUsage of a ${role}`,
    `have it issued for ${USES[role]}: ipsec-kit pki ${role} does so`,
  );
}

function judge(
  { code, sentence }: CertificateVerdict & { readonly ok: false },
  { issuer }: Certificate,
  file: string,
  findings: Findings,
): void {
  if (code === 'revoked') {
    findings.add(
      'error',
      `${file} has been revoked, says a CRL in x509crl`,
      'have a new one issued',
    );
    return;
  }
  if (code !== 'unknown-issuer') {
    findings.add('error', `${file}: ${sentence.replaceAll('of the peer', 'of this side')}`);
    return;
  }
  // The certificates of this side are believed by the peer, which may know other CAs.
  const name = formatIdentity({ idType: IdType.ID_DER_ASN1_DN, data: issuer });
  findings.add(
    'warning',
    `${file} comes from ${name}, and nothing here leads from there to a configured CA`,
    'put the certificates of the CAs between into the directory x509 beside the configuration: peers that know the root alone need them',
  );
}
