import type { Instant } from '@ipsec-kit/clock';
import type { IpAddress, Path, Prefix } from '@ipsec-kit/ip';

/** Settings of a {@link PathMover}. */
export interface PathMoverOptions {
  /** Whether the peer has MOBIKE; without it a move is a session anew. */
  readonly hasMobike: boolean;
  /** Child SAs follow at once, or only when the answer with COOKIE2 has shown that the peer is there; default `checked`.
   * Behind the same peer address as before nothing needs a check. @see RFC 4555 §3.5, §3.7
   */
  readonly moveChildren?: 'checked' | 'at-once';
  /** Goes to our first address when the order of our addresses changes, although the path in use still works; default true. */
  readonly followsPreference?: boolean;
  /** The prefix of a NAT64. @see RFC 6052 */
  readonly nat64Prefix?: Prefix;
}

/** A fact, and when it was learnt. */
export type PathMoverInput = { readonly now: Instant } & (
  | {
      /** Our addresses, in order of preference; told when they differ, after what flaps has settled for 100 ms. */
      readonly kind: 'local-addresses';
      readonly addresses: readonly IpAddress[];
      readonly nat64Prefix?: Prefix;
    }
  | {
      /** The peer's addresses, as its list or its IKE_AUTH says: PeerAddressSet.addresses. */
      readonly kind: 'peer-addresses';
      readonly addresses: readonly IpAddress[];
    }
  | /** The mapping of the path has changed, or may have: UPDATE_SA_ADDRESSES is due on the path as it is. */ {
      readonly kind: 'update-wanted';
    }
  | {
      /** Somebody wants to be elsewhere: on the best path, or on the best from this address of ours. The peer is told in any case, so its
       * answer shows that the path works, also where it is the one in use. Without such a path nothing happens.
       */
      readonly kind: 'move-wanted';
      readonly local?: IpAddress;
    }
  | {
      /** An outstanding request, of whatever exchange, got no answer to its first transmissions. Told again when the wait of
       * the round before is over.
       */
      readonly kind: 'no-answer';
    }
  | {
      /** The host could not send over this path: no route, no such address, network down. */
      readonly kind: 'unsendable';
      readonly path: Path;
    }
  | {
      /** An answer to an outstanding request came over this path. */
      readonly kind: 'answered';
      readonly path: Path;
      /** The update that it answers; absent for any other exchange. */
      readonly update?: UpdateAnswer;
    }
  | { readonly kind: 'timeout' }
);

/** What the response to an UPDATE_SA_ADDRESSES says. */
export interface UpdateAnswer {
  readonly updateId: number;
  /** Of the ReturnRoutabilityCheck of this request; `verified` when the check was left out by policy. */
  readonly routability: 'verified' | 'ambiguous' | 'failed';
  /** A notify that refuses, if there is one. */
  readonly refusal?: 'unacceptable-addresses' | 'unexpected-nat-detected';
}

/** What an initiator does about its paths, in this order. */
export type PathMoverOutput =
  | /** The IKE SA goes over this path from now on; what is outstanding is retransmitted over it. */ {
      readonly kind: 'move-ike';
      readonly path: Path;
    }
  | /** The Child SAs go over this path from now on. */ {
      readonly kind: 'move-children';
      readonly path: Path;
    }
  | /** As `move-children`, while the IKE SA stays where it is and the peer is told later; only of Child SAs in tunnel mode. */ {
      readonly kind: 'lead-children';
      readonly path: Path;
    }
  | {
      /** Send UPDATE_SA_ADDRESSES with NAT detection (or NO_NATS_ALLOWED) and COOKIE2 as soon as the window allows. */
      readonly kind: 'send-update';
      readonly updateId: number;
      readonly path: Path;
      /** Our other addresses, to go along when they have changed: addressListNotifies. */
      readonly additional?: readonly IpAddress[];
    }
  | /** Tell the peer our other addresses, in an INFORMATIONAL request of its own. @see RFC 4555 §3.6 */ {
      readonly kind: 'announce';
      readonly additional: readonly IpAddress[];
    }
  | {
      /** Send the outstanding request over all of these, bitwise the same, and say `no-answer` when none comes within the wait. */
      readonly kind: 'transmit';
      readonly paths: readonly Path[];
      readonly waitMs: number;
    }
  | /** There is no way to the peer until our addresses change: keep the session, send nothing. */ {
      readonly kind: 'no-path';
    }
  | {
      /** A peer without MOBIKE: establish the session anew from there, with the same virtual addresses. */
      readonly kind: 're-establish';
      readonly path: Path;
      /** The old path still works: make before break. */
      readonly oldPathWorks: boolean;
    }
  | {
      /** End the IKE SA. */
      readonly kind: 'close';
      readonly code: 'path-not-proven' | 'peer-unreachable';
    };
