import { addMs, type Clock } from '@ipsec-kit/clock';
import type { CertificateData } from '@ipsec-kit/ikev2';
import { CertEncoding } from '@ipsec-kit/ikev2-codec';
import { type Certificate, isNamedIssuer } from '@ipsec-kit/x509';
import type { Evidence } from './evidence.ts';

/** Gets the OCSP response on an own certificate, as a CERT payload; nothing where there is none. Never rejects. */
export type OwnEvidence = (chain: readonly Certificate[]) => Promise<CertificateData | undefined>;

/** With what an {@link OwnEvidence} is made. */
export interface OwnEvidenceOptions {
  readonly evidence: Pick<Evidence, 'responseOn'>;
  readonly clock: Pick<Clock, 'now' | 'wakeAt'>;
  /** CAs, for the issuer of a chain without its root. */
  readonly authorities: readonly Certificate[];
}

/** How long the peer waits for a responder that it may not even need: what comes later is there for the next session. */
const PATIENCE_MS = 1_500;
/** Longest response that is sent along: more would make IKE_AUTH many fragments. */
const MAX_STAPLED_BYTES = 8_192;

/** Makes what asks the responder of the own CA, once for all sessions until its answer runs out. @see RFC 4806 §4.2 */
export function createOwnEvidence({
  evidence,
  clock,
  authorities,
}: OwnEvidenceOptions): OwnEvidence {
  return async ([certificate, ...above]) => {
    const issuer = [...above, ...authorities].find(
      (one) => certificate && isNamedIssuer(one, certificate),
    );
    if (!certificate || !issuer) return undefined;
    const response = await new Promise<Awaited<ReturnType<Evidence['responseOn']>>>((resolve) => {
      const cancel = clock.wakeAt(addMs(clock.now(), PATIENCE_MS), () => resolve(undefined));
      void evidence.responseOn({ certificate, issuer }).then((found) => {
        cancel();
        resolve(found);
      });
    });
    if (!response || response.der.length > MAX_STAPLED_BYTES) return undefined;
    return { encoding: CertEncoding.OCSP_CONTENT, data: response.der };
  };
}
