import {
  bytesEqual,
  type CryptoProvider,
  constantTimeEqual,
  type SignatureProvider,
} from '@ipsec-kit/crypto';
import type { Certificate } from './certificate.ts';
import { KeyPurpose, KeyUsage } from './certificate-extensions.ts';
import { issuerHashes } from './ocsp-request.ts';
import type { OcspAnswer, OcspResponse } from './ocsp-response.ts';
import { dateFault, hashFault, keyFault, type PathPolicy } from './path-search.ts';

/** How far the clock of a CA or responder may be ahead of one's own. */
export const REVOCATION_CLOCK_SKEW_MS = 300_000;
/** How long an answer without nextUpdate is good for: long enough for its own handshake, and for those beside it. */
export const OCSP_WITHOUT_NEXT_UPDATE_MS = 3_600_000;

/** A response, and of whom it should speak. */
export interface OcspCheck {
  readonly response: OcspResponse;
  readonly certificate: Certificate;
  readonly issuer: Certificate;
  /** Responders that are trusted by themselves; the CA and those that it has delegated always are. @see RFC 6960 §2.2 */
  readonly responders?: readonly Certificate[];
  /** That of the request. Responders that answer from a cache leave it out; a wrong one is an old answer. */
  readonly nonce?: Uint8Array;
  readonly policy: PathPolicy;
  /** Now, in milliseconds since 1970. */
  readonly atMs: number;
}

/** Why a response proves nothing. */
export type OcspFailure =
  | 'other-certificate'
  | 'unknown-critical'
  | 'wrong-nonce'
  | 'not-yet-valid'
  | 'stale'
  /** Neither the CA of the certificate nor a responder that it has delegated. */
  | 'wrong-responder'
  | 'weak'
  | 'bad-signature';

/** What a response proves of a certificate. `unknown` is an answer, too: the responder does not know it. */
export type OcspVerdict =
  | {
      readonly ok: true;
      readonly status: OcspAnswer['status'];
      readonly thisUpdateMs: number;
      /** nextUpdate, or an hour after thisUpdate. */
      readonly validUntilMs: number;
    }
  | { readonly ok: false; readonly code: OcspFailure };

const SHA1 = '2b0e03021a';

/** Holds a response against a certificate: that it speaks of it, is in its time, and is signed by one who may.
 * At most three signatures are verified. Never rejects. @see RFC 6960 §3.2, §4.2.2
 */
export async function checkOcspResponse(
  check: OcspCheck,
  signatures: SignatureProvider,
  crypto: Pick<CryptoProvider, 'sha1'>,
): Promise<OcspVerdict> {
  const { response, atMs } = check;
  const answer = newestAnswer(check, crypto);
  if (answer === undefined) return refused('other-certificate');
  const fault = answerFault(check, answer);
  if (fault !== undefined) return refused(fault);
  const { thisUpdateMs, nextUpdateMs = thisUpdateMs + OCSP_WITHOUT_NEXT_UPDATE_MS } = answer;
  if (thisUpdateMs > atMs + REVOCATION_CLOCK_SKEW_MS) return refused('not-yet-valid');
  if (nextUpdateMs < atMs) return refused('stale');
  if (hashFault(response.signatureAlgorithm, check.policy) !== undefined) return refused('weak');
  const code = await signerFault(check, signatures, crypto);
  return code === undefined
    ? { ok: true, status: answer.status, thisUpdateMs, validUntilMs: nextUpdateMs }
    : refused(code);
}

/** Whether a response speaks of a certificate at all. */
export function speaksOf(
  { response, certificate, issuer }: Pick<OcspCheck, 'response' | 'certificate' | 'issuer'>,
  crypto: Pick<CryptoProvider, 'sha1'>,
): boolean {
  return newestAnswer({ response, certificate, issuer }, crypto) !== undefined;
}

function newestAnswer(
  { response, certificate, issuer }: Pick<OcspCheck, 'response' | 'certificate' | 'issuer'>,
  crypto: Pick<CryptoProvider, 'sha1'>,
): OcspAnswer | undefined {
  const { nameHash, keyHash } = issuerHashes(issuer, crypto);
  return response.answers
    .filter(
      (answer) =>
        answer.hash === SHA1 &&
        bytesEqual(answer.serialNumber, certificate.serialNumber) &&
        bytesEqual(answer.issuerNameHash, nameHash) &&
        bytesEqual(answer.issuerKeyHash, keyHash),
    )
    .toSorted((a, b) => b.thisUpdateMs - a.thisUpdateMs)[0];
}

function answerFault({ response, nonce }: OcspCheck, answer: OcspAnswer): OcspFailure | undefined {
  if (answer.hasUnknownCritical) return 'unknown-critical';
  // RFC 6960 §4.4.1: when it is there it has to be the one that was sent.
  const isOther = nonce && response.nonce && !constantTimeEqual(response.nonce, nonce);
  return isOther ? 'wrong-nonce' : undefined;
}

/** @see RFC 6960 §4.2.2.2 */
async function signerFault(
  check: OcspCheck,
  signatures: SignatureProvider,
  crypto: Pick<CryptoProvider, 'sha1'>,
): Promise<OcspFailure | undefined> {
  const { response, issuer, responders = [] } = check;
  const isNamed = ({ subject, subjectKey }: Certificate): boolean =>
    response.responder.kind === 'name'
      ? bytesEqual(response.responder.name, subject)
      : bytesEqual(response.responder.keyHash, crypto.sha1(subjectKey));
  const trusted = [issuer, ...responders].find(isNamed);
  if (trusted !== undefined) return signatureFault(trusted, response, signatures);
  const delegated = response.certificates.find(isNamed);
  if (delegated === undefined) return 'wrong-responder';
  return (
    (await delegationFault(delegated, check, signatures)) ??
    (await signatureFault(delegated, response, signatures))
  );
}

async function signatureFault(
  { publicKey }: Certificate,
  { tbs, signature, signatureAlgorithm }: OcspResponse,
  signatures: SignatureProvider,
): Promise<OcspFailure | undefined> {
  const isRight = await signatures.verify({
    publicKey,
    algorithm: signatureAlgorithm,
    message: tbs,
    signature,
  });
  return isRight ? undefined : 'bad-signature';
}

/** A delegated responder has a certificate of the very CA, for signing OCSP responses and named so: any purpose is not enough.
 * Whether it is revoked in turn is not asked, with or without id-pkix-ocsp-nocheck: such certificates live short (§4.2.2.2.1).
 */
async function delegationFault(
  responder: Certificate,
  { issuer, atMs, policy }: OcspCheck,
  signatures: SignatureProvider,
): Promise<OcspFailure | undefined> {
  const { purposes, keyUsage, hasUnknownCritical } = responder.extensions;
  const maySign = keyUsage === undefined || (keyUsage & KeyUsage.DIGITAL_SIGNATURE) !== 0;
  const isDelegated = purposes?.includes(KeyPurpose.OCSP_SIGNING) && maySign && !hasUnknownCritical;
  if (!isDelegated || !bytesEqual(responder.issuer, issuer.subject)) return 'wrong-responder';
  if (dateFault(responder, atMs) !== undefined) return 'wrong-responder';
  const isWeak = keyFault(responder, policy) ?? hashFault(responder.signatureAlgorithm, policy);
  if (isWeak !== undefined) return 'weak';
  const isIssued = await signatures.verify({
    publicKey: issuer.publicKey,
    algorithm: responder.signatureAlgorithm,
    message: responder.tbs,
    signature: responder.signature,
  });
  return isIssued ? undefined : 'wrong-responder';
}

function refused(code: OcspFailure): OcspVerdict {
  return { ok: false, code };
}
