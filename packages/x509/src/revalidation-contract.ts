import type { Instant } from '@ipsec-kit/clock';
import type { CertificateVerdict } from './certificate-validator.ts';

/** How a peer's certificate stands. `unknown`: nothing says whether it is revoked; `untrusted`: it does not lead to a trusted CA
 * any more, or breaks its rules.
 */
export type CertificateStanding = 'good' | 'revoked' | 'expired' | 'unknown' | 'untrusted';

/** What is done about a session whose certificate does not stand well any more: it ends, somebody is told, or it ends if nothing
 * better is known after a while.
 */
export type RevalidationAction =
  | { readonly kind: 'close' }
  | { readonly kind: 'alert' }
  | { readonly kind: 'grace'; readonly graceMs: number };

/** An action for each way in which a certificate can fail. */
export type RevalidationPolicy = Readonly<
  Record<Exclude<CertificateStanding, 'good'>, RevalidationAction>
>;

/** Closes, but for a CA or responder that cannot be asked: that is told, and asked again. */
export const DEFAULT_REVALIDATION_POLICY: RevalidationPolicy = {
  revoked: { kind: 'close' },
  expired: { kind: 'close' },
  untrusted: { kind: 'close' },
  unknown: { kind: 'alert' },
};

/** Settings of a revalidator. */
export interface RevalidatorOptions {
  readonly policy?: RevalidationPolicy;
  /** Checks every session so often; absent: only for a reason. At least 1000. */
  readonly intervalMs?: number;
  /** How long after a verdict that was not good, and did not close, it is asked again; default a minute. At least 1000. */
  readonly retryMs?: number;
  /** Checks that run at the same time; default 8. */
  readonly parallelChecks?: number;
  /** A check without verdict after this time counts as `unknown`; default 30 s. */
  readonly checkTimeoutMs?: number;
}

/** Why a certificate is looked at again. */
export type RevalidationReason =
  /** Somebody said so. */
  | 'command'
  /** The first verdict was given without evidence, so that the session could stand before it was fetched. */
  | 'deferred'
  /** A certificate, CRL or OCSP response that the last verdict rests on has run out. */
  | 'evidence-expired'
  | 'rekey'
  | 'timer'
  /** The last verdict was not good. */
  | 'retry';

/** A fact. `now` is for deadlines; `atMs`, milliseconds since 1970, is what the dates in certificates are held against. */
export type RevalidatorInput = { readonly now: Instant; readonly atMs: number } & (
  | {
      /** A session has been authenticated with a certificate. */
      readonly kind: 'opened';
      readonly session: string;
      /** Of the verdict. */
      readonly validUntilMs: number;
      /** Whether nothing in the path is unproven; otherwise it is checked at once. */
      readonly isProven: boolean;
    }
  | { readonly kind: 'closed'; readonly session: string }
  | { readonly kind: 'rekeyed'; readonly session: string }
  | {
      /** All sessions, or these. */
      readonly kind: 'revalidate';
      readonly sessions?: readonly string[];
    }
  | {
      /** The answer to a `check`; without a verdict it could not be found out. */
      readonly kind: 'checked';
      readonly check: number;
      readonly verdict?: CertificateVerdict;
    }
  | { readonly kind: 'timeout' }
);

/** What is to be done, in this order. */
export type RevalidatorOutput =
  | {
      /** Check the session's certificates as they were offered, and answer with `checked`. */
      readonly kind: 'check';
      readonly check: number;
      readonly session: string;
      readonly reason: RevalidationReason;
      /** With `command`: when it came. Evidence that began to be fetched earlier is to be fetched anew, even if it has not run out. */
      readonly freshSince?: Instant;
    }
  | {
      /** How a session stands now; an event. */
      readonly kind: 'verdict';
      readonly session: string;
      readonly reason: RevalidationReason;
      readonly standing: CertificateStanding;
      /** For people; of all standings but `good`. */
      readonly sentence?: string;
      readonly action: 'none' | RevalidationAction['kind'];
      /** Whether it stood otherwise before. */
      readonly isNews: boolean;
      /** With `grace`: when it ends, in milliseconds since 1970. */
      readonly graceUntilMs?: number;
    }
  /** Delete the IKE SA of this session, and no other. It is not watched any more. */
  | { readonly kind: 'close'; readonly session: string; readonly standing: CertificateStanding };
