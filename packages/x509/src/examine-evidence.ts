import type { CryptoProvider, SignatureProvider } from '@ipsec-kit/crypto';
import { bytesEqual } from '@ipsec-kit/crypto';
import type { EvidenceFetch, RevocationEvidence } from './evidence-contract.ts';
import { checkOcspResponse, REVOCATION_CLOCK_SKEW_MS } from './ocsp-check.ts';
import { readOcspResponse } from './ocsp-response.ts';
import { hashFault, type PathPolicy } from './path-search.ts';
import { readPem } from './pem.ts';
import { readRevocationList } from './revocation-list.ts';
import { isListOf } from './revocation-status.ts';

/** What an answer to a fetch is worth: read, and its signature verified, so that no forged answer drives out an honest one.
 * CRLs come in DER; in PEM they are taken, too, since many servers have them so.
 * @param answer - untrusted bytes of any length.
 * @returns `undefined` for what proves nothing. Never rejects.
 */
export async function examineEvidence(
  fetch: EvidenceFetch,
  answer: Uint8Array,
  by: {
    readonly signatures: SignatureProvider;
    readonly crypto: Pick<CryptoProvider, 'sha1'>;
    readonly policy: PathPolicy;
    /** Now, in milliseconds since 1970. */
    readonly atMs: number;
  },
): Promise<RevocationEvidence | undefined> {
  if (answer.length > fetch.maximumBytes) return undefined;
  return fetch.source === 'ocsp'
    ? examineResponse(fetch, answer, by)
    : examineList(fetch, answer, by);
}

type By = Parameters<typeof examineEvidence>[2];

async function examineResponse(
  { about, nonce }: EvidenceFetch,
  answer: Uint8Array,
  { signatures, crypto, policy, atMs }: By,
): Promise<RevocationEvidence | undefined> {
  const read = readOcspResponse(answer);
  if (!read.ok) return undefined;
  const { response } = read;
  const check = { response, ...about, policy, atMs, ...(nonce ? { nonce } : {}) };
  const verdict = await checkOcspResponse(check, signatures, crypto);
  if (!verdict.ok) return undefined;
  const { validUntilMs, status } = verdict;
  return { kind: 'response', response, validUntilMs, isTelling: status !== 'unknown' };
}

async function examineList(
  { about }: EvidenceFetch,
  answer: Uint8Array,
  { signatures, policy, atMs }: By,
): Promise<RevocationEvidence | undefined> {
  const read = readRevocationList(derOf(answer));
  if (!read.ok) return undefined;
  const { list } = read;
  const isInTime =
    list.thisUpdateMs <= atMs + REVOCATION_CLOCK_SKEW_MS && atMs <= list.nextUpdateMs;
  const isStrong = hashFault(list.signatureAlgorithm, policy) === undefined;
  if (!isInTime || !isStrong || !bytesEqual(list.issuer, about.issuer.subject)) return undefined;
  const isRight = await isListOf(list, about.issuer, signatures);
  return isRight ? { kind: 'list', list, validUntilMs: list.nextUpdateMs } : undefined;
}

function derOf(answer: Uint8Array): Uint8Array {
  const isPem = answer[0] === 0x2d && answer[1] === 0x2d;
  if (!isPem) return answer;
  let text = '';
  for (let at = 0; at < answer.length; at += 4096) {
    text += String.fromCharCode(...answer.subarray(at, at + 4096));
  }
  return readPem(text)?.find(({ label }) => label === 'X509 CRL')?.der ?? answer;
}
