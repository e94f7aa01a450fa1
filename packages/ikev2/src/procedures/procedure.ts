import type { Instant } from '@ipsec-kit/clock';
import type { NotifyPayload } from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import type { ReturnRoutabilityCheck } from '@ipsec-kit/mobike';
import type { SessionFailure } from '../events.ts';

/** A piece of work on an authenticated IKE SA: one request and what to do with its response.
 * Procedures wait in a queue, since a window of 1 lets one request out at a time.
 */
export type Procedure =
  /** Is the peer there? Any other request in the queue asks the same, so it stands in for this one. */
  | { readonly kind: 'liveness' }
  | { readonly kind: 'delete-child'; readonly childId: number; readonly reason: string }
  /** Can the peer receive at the path that it moved to? @see RFC 4555 §3.7 */
  | { readonly kind: 'path-check'; readonly path: Path; readonly check: ReturnRoutabilityCheck }
  | { readonly kind: 'delete-ike'; readonly failure: SessionFailure }
  /** Tells the peer of an error that we found in its IKE_AUTH response; the IKE SA ends with it. @see RFC 7296 §2.21.2 */
  | {
      readonly kind: 'report-auth-failure';
      readonly notify: NotifyPayload;
      readonly failure: SessionFailure;
    };

/** A procedure whose request is out. */
export interface RunningProcedure {
  readonly procedure: Procedure;
  readonly messageId: number;
  readonly startedAt: Instant;
}
