import type { KeyExchangeSecret, KeyMaterial } from '@ipsec-kit/crypto';
import type { Payload, Proposal } from '@ipsec-kit/ikev2-codec';
import type { IkeSa } from '../session/ike-sa.ts';
import type { ChildAttempt, ChildReply, IkeAttempt, IkeReply } from './create-child-parts.ts';

/** What the peer has accepted in CREATE_CHILD_SA, and what is made of it when the additional key exchanges are over. */
export type Accepted =
  | {
      readonly kind: 'child';
      readonly attempt: ChildAttempt;
      readonly nonce: Uint8Array;
      readonly payloads: readonly Payload[];
    }
  | {
      readonly kind: 'ike';
      readonly attempt: IkeAttempt;
      readonly nonce: Uint8Array;
      readonly responderNonce: Uint8Array;
      readonly proposal: Proposal;
    };

/** A series of additional key exchanges that follows a CREATE_CHILD_SA exchange of ours. @see RFC 9370 §2.2.4 */
export interface OwnSeries {
  readonly accepted: Accepted;
  /** Those to come; the first is under way. */
  readonly methods: readonly number[];
  /** SK(0), SK(1), ... as far as they are agreed. */
  readonly secrets: readonly KeyMaterial[];
  /** What the peer wants back in our next request. */
  readonly link: Uint8Array;
}

/** The states of such a series. */
export type FollowingUp =
  | {
      readonly kind: 'generating-follow-up-key';
      readonly requestId: number;
      readonly attempt: ChildAttempt | IkeAttempt;
      readonly series: OwnSeries;
    }
  | {
      readonly kind: 'awaiting-follow-up-response';
      readonly attempt: ChildAttempt | IkeAttempt;
      readonly series: OwnSeries;
      readonly secret: KeyExchangeSecret;
    }
  | {
      readonly kind: 'agreeing-follow-up-key';
      readonly requestId: number;
      readonly attempt: ChildAttempt | IkeAttempt;
      readonly series: OwnSeries;
      /** In the response; absent in the last one. */
      readonly nextLink: Uint8Array | undefined;
    };

/** What we have promised in the answer to CREATE_CHILD_SA. */
export type Promised =
  | { readonly kind: 'child'; readonly reply: ChildReply; readonly inboundSpi: number }
  | { readonly kind: 'ike'; readonly reply: IkeReply; readonly responderSpi: bigint };

/** A series that follows a CREATE_CHILD_SA exchange of the peer. @see RFC 9370 §2.2.4 */
export interface PeerSeries {
  readonly promised: Promised;
  /** Under which the peer began it. */
  readonly sa: IkeSa;
  readonly responderNonce: Uint8Array;
  /** Those to come. */
  readonly methods: readonly number[];
  readonly secrets: readonly KeyMaterial[];
  /** What the peer's next request has to bring. */
  readonly link: Uint8Array;
}
