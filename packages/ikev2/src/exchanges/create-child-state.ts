import type { KeyExchangeSecret } from '@ipsec-kit/crypto';
import type { Payload, Proposal } from '@ipsec-kit/ikev2-codec';
import type { NegotiatedChild } from '../child/negotiated-child.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type {
  ChildAttempt,
  ChildReply,
  IkeAttempt,
  IkeReply,
  OpenRequest,
} from './create-child-parts.ts';
import type { FollowingUp, PeerSeries } from './follow-up-state.ts';

/** The variant of {@link Initiation} of one kind. */
export type InitiationOf<Kind extends Initiation['kind']> = Extract<
  Initiation,
  { readonly kind: Kind }
>;

/** A CREATE_CHILD_SA exchange that this side began, and what follows it: what it awaits, and only what is valid then. */
export type Initiation =
  | FollowingUp
  | {
      readonly kind: 'generating-child-key';
      readonly requestId: number;
      readonly attempt: ChildAttempt;
    }
  | {
      readonly kind: 'awaiting-child-response';
      readonly attempt: ChildAttempt;
      readonly nonce: Uint8Array;
      readonly secret: KeyExchangeSecret | undefined;
      /** The response is here, and waits for our answer to the peer's rekey of the same Child SA. */
      readonly held?: readonly Payload[];
    }
  | {
      readonly kind: 'agreeing-child-key';
      readonly requestId: number;
      readonly attempt: ChildAttempt;
      readonly nonce: Uint8Array;
      readonly payloads: readonly Payload[];
    }
  | {
      readonly kind: 'installing-child';
      readonly requestId: number;
      readonly attempt: ChildAttempt;
      readonly child: NegotiatedChild;
      /** The lower nonce of the exchange, for a collision. */
      readonly lowest: Uint8Array;
    }
  | {
      readonly kind: 'generating-ike-key';
      readonly requestId: number;
      readonly attempt: IkeAttempt;
    }
  | {
      readonly kind: 'awaiting-ike-response';
      readonly attempt: IkeAttempt;
      readonly nonce: Uint8Array;
      readonly secret: KeyExchangeSecret;
      /** The response is here, and waits for our answer to the peer's rekey. */
      readonly held?: readonly Payload[];
      /** The lower nonce of the peer's rekey, the result of which it has deleted meanwhile. */
      readonly deletedRival?: Uint8Array;
    }
  | {
      readonly kind: 'agreeing-ike-key';
      readonly requestId: number;
      readonly attempt: IkeAttempt;
      readonly nonce: Uint8Array;
      readonly responderNonce: Uint8Array;
      readonly proposal: Proposal;
      /** What the peer wants back where additional key exchanges follow. */
      readonly link: Uint8Array | undefined;
      /** The peer has deleted the old IKE SA meanwhile. */
      readonly isOldDeleted: boolean;
      /** The lower nonce of the peer's rekey, the result of which it has deleted meanwhile. */
      readonly deletedRival?: Uint8Array;
    };

/** A CREATE_CHILD_SA exchange that the peer began, while our answer is being made. */
export type Answering =
  | {
      readonly kind: 'responding-follow-up';
      readonly requestId: number;
      readonly request: OpenRequest;
      readonly reply: ChildReply | IkeReply;
      readonly series: PeerSeries;
    }
  | {
      readonly kind: 'generating-child-answer-key';
      readonly requestId: number;
      readonly request: OpenRequest;
      readonly reply: ChildReply;
    }
  | {
      readonly kind: 'agreeing-child-answer-key';
      readonly requestId: number;
      readonly request: OpenRequest;
      readonly reply: ChildReply;
      readonly publicValue: Uint8Array;
    }
  | {
      readonly kind: 'installing-answered-child';
      readonly requestId: number;
      readonly request: OpenRequest;
      readonly reply: ChildReply;
      readonly child: NegotiatedChild;
      readonly payloads: readonly Payload[];
      readonly lowest: Uint8Array;
    }
  | {
      readonly kind: 'generating-ike-answer-key';
      readonly requestId: number;
      readonly request: OpenRequest;
      readonly reply: IkeReply;
    }
  | {
      readonly kind: 'agreeing-ike-answer-key';
      readonly requestId: number;
      readonly request: OpenRequest;
      readonly reply: IkeReply;
      readonly publicValue: Uint8Array;
    };

/** The peer's rekey of what we rekey as well: its result, and the lower nonce of its exchange. @see RFC 7296 §2.8.1, §2.8.2 */
export type Rival =
  | {
      readonly kind: 'child';
      readonly oldChildId: number;
      /** `undefined`: additional key exchanges are to come before there is one. @see RFC 9370 §2.2.4 */
      readonly childId: number | undefined;
      readonly lowest: Uint8Array;
    }
  | { readonly kind: 'ike'; readonly sa: IkeSa | undefined; readonly lowest: Uint8Array };

/** Whether the peer's rekey has a result yet. */
export function isMade(rival: Rival): boolean {
  return (rival.kind === 'ike' ? rival.sa : rival.childId) !== undefined;
}
