import type { Instant } from '@ipsec-kit/clock';
import type { NotifyPayload } from '@ipsec-kit/ikev2-codec';
import type { IpAddress, Path } from '@ipsec-kit/ip';
import type { ReturnRoutabilityCheck } from '@ipsec-kit/mobike';
import type { PacketSelectors } from '../endpoint-io.ts';
import type { LivenessReason, SessionFailure } from '../events.ts';

/** Why the peer is told where we are. */
export type UpdateReason = 'mapping-changed' | 'mapping-unknown' | 'connectivity' | 'moved';

/** A piece of work on an authenticated IKE SA: one request and what to do with its response.
 * Procedures wait in a queue, since a window of 1 lets one request out at a time.
 */
export type Procedure =
  /** Is the peer there, and with NAT detection: where does it see us? Any other request asks the first as well. */
  | { readonly kind: 'liveness'; readonly natDetection: boolean; readonly reason: LivenessReason }
  /** A further Child SA, by the name of its configuration. @see RFC 7296 §1.3.1 */
  | {
      readonly kind: 'create-child';
      readonly name: string;
      readonly packet?: PacketSelectors;
      /** How often the peer has put it off. */
      readonly postponements: number;
      /** The Child SA of an old IKE SA whose place it is to take, by its origin: then it is nobody's wish. */
      readonly moves?: number;
      /** One of the name that a reauthentication of the peer brings meanwhile, and that replaces none, is the one that is asked for. */
      readonly mayBeMade?: boolean;
      /** What it moves has been closed meanwhile, or it has been made. */
      isOver?: boolean;
    }
  /** The replacement of a Child SA. @see RFC 7296 §1.3.3 */
  | { readonly kind: 'rekey-child'; readonly childId: number }
  /** The replacement of the IKE SA. @see RFC 7296 §1.3.2 */
  | { readonly kind: 'rekey-ike' }
  /** DELETE of a Child SA that the peer has and we could not take. */
  | { readonly kind: 'withdraw-child'; readonly inboundSpi: number }
  | { readonly kind: 'delete-child'; readonly childId: number; readonly reason: string }
  /** Tells the peer where we are. @see RFC 4555 §3.5 */
  | {
      readonly kind: 'update-addresses';
      /** What the mover of paths calls it; absent: it is to decide on one. */
      readonly updateId?: number;
      /** Where it goes; there with `updateId`. */
      readonly path?: Path;
      /** Our other addresses, when they are news. */
      readonly additional?: readonly IpAddress[];
      readonly reason: UpdateReason;
      readonly check: ReturnRoutabilityCheck;
    }
  /** Tells the peer our other addresses. @see RFC 4555 §3.6 */
  | {
      readonly kind: 'announce-addresses';
      readonly additional: readonly IpAddress[];
      /** From another address than the one in use: a responder that moves. */
      readonly paths?: readonly Path[];
    }
  /** Where does it see a scratch port, so how long does an idle mapping live? */
  | { readonly kind: 'probe-binding'; readonly probeId: number }
  /** Can the peer receive at the path that it moved to? @see RFC 4555 §3.7 */
  | { readonly kind: 'path-check'; readonly path: Path; readonly check: ReturnRoutabilityCheck }
  /** A reauthentication has moved all there was: the IKE SA that this one has replaced is deleted, by a request of its own. */
  | { readonly kind: 'delete-predecessor' }
  | { readonly kind: 'delete-ike'; readonly failure: SessionFailure }
  /** Tells the peer of an error that we found in its IKE_AUTH response; the IKE SA ends with it. @see RFC 7296 §2.21.2 */
  | {
      readonly kind: 'report-auth-failure';
      readonly notify: NotifyPayload;
      readonly failure: SessionFailure;
    };

/** How often the peer may put off what a reauthentication moves while the old IKE SA waits for that: a quarter of a minute. */
const MAX_PUT_OFF_MOVES = 4;

/** Whether a procedure makes what is to take the place of a Child SA of an old IKE SA, which waits for it. */
export function isMoveToCome(procedure: Procedure): boolean {
  if (procedure.kind !== 'create-child' || procedure.moves === undefined) return false;
  return procedure.postponements <= MAX_PUT_OFF_MOVES;
}

/** A procedure that waits for its time. */
export interface PostponedProcedure {
  readonly at: Instant;
  readonly procedure: Procedure;
}

/** The procedure whose request is out, or is being made. */
export interface RunningProcedure {
  readonly procedure: Procedure;
  /** `undefined` while its request, or what follows from the response, is being computed. */
  readonly messageId: number | undefined;
  readonly startedAt: Instant;
  /** The Child SA that the peer has moved what it has made of this request to, before its answer came. */
  movedTo?: number;
  /** A probe that something else has to wait for was sent over the path in use as well. */
  readonly hasGivenWay?: boolean;
}
