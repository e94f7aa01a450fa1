import type { Instant } from '@ipsec-kit/clock';
import type { OcspResponse } from './ocsp-response.ts';
import type { RevocationList } from './revocation-list.ts';
import type { IssuedCertificate } from './revocation-status.ts';

/** What says whether certificates are revoked, its signature verified. */
export type RevocationEvidence =
  | {
      readonly kind: 'response';
      readonly response: OcspResponse;
      readonly validUntilMs: number;
      /** Whether it says good or revoked; a responder that does not know the certificate is no help. */
      readonly isTelling: boolean;
    }
  | { readonly kind: 'list'; readonly list: RevocationList; readonly validUntilMs: number };

/** One HTTP request: an OCSP request to be posted as `application/ocsp-request`, or a CRL to be got. Redirections, other schemes
 * and answers that are longer or later than said are failures. It must not go through the tunnel whose session waits for it.
 */
export interface EvidenceFetch {
  readonly id: number;
  readonly about: IssuedCertificate;
  readonly source: 'ocsp' | 'crl';
  readonly url: string;
  /** The body of a POST; absent with `crl`, a GET. */
  readonly body?: Uint8Array;
  /** The nonce in the body. */
  readonly nonce?: Uint8Array;
  readonly maximumBytes: number;
  readonly timeoutMs: number;
}

/** A fact. `atMs` is in milliseconds since 1970. */
export type EvidenceKeeperInput = { readonly now: Instant; readonly atMs: number } & (
  | {
      /** Evidence on these certificates is wanted: the `unproven` of a verdict, or a path that is to be looked at anew. */
      readonly kind: 'wanted';
      /** The caller's; comes back in `settled`. */
      readonly ticket: number;
      readonly certificates: readonly IssuedCertificate[];
      /** What began to be fetched before does not count, nor what failed before; absent: what has not run out is good enough. */
      readonly freshSince?: Instant;
    }
  | {
      /** The end of a fetch: what `examineEvidence` made of its answer, or nothing. */
      readonly kind: 'fetched';
      readonly id: number;
      readonly evidence?: RevocationEvidence;
    }
  | { readonly kind: 'timeout' }
);

/** What is to be done, in this order. */
export type EvidenceKeeperOutput =
  | { readonly kind: 'fetch'; readonly fetch: EvidenceFetch }
  /** All that can be found out for a ticket has been: check again, with {@link EvidenceKeeper.lists} and `responses`. */
  | { readonly kind: 'settled'; readonly ticket: number; readonly isComplete: boolean };

/** Settings of a keeper. */
export interface EvidenceKeeperOptions {
  /** How long an answer may take; default 5 s. */
  readonly fetchTimeoutMs?: number;
  /** How long a source that failed is left alone; default a minute. */
  readonly failureMemoryMs?: number;
  /** Fetches that run at the same time; default 4. */
  readonly parallelFetches?: number;
}
