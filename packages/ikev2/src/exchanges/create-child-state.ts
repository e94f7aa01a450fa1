import type { KeyExchangeSecret } from '@ipsec-kit/crypto';
import type { Payload, Proposal } from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import type { NegotiatedChild } from '../child/negotiated-child.ts';
import type { ChildOffer } from '../child/offered-child.ts';
import type { ChildConfig, ConnectionConfig } from '../config.ts';
import type { PacketSelectors } from '../endpoint-io.ts';
import type { IkeSa } from '../session/ike-sa.ts';

/** What our CREATE_CHILD_SA request for a Child SA asks for. */
export interface ChildAttempt {
  readonly connection: ConnectionConfig;
  readonly offer: ChildOffer;
  readonly inboundSpi: number;
  /** The Child SA that it is to replace. */
  readonly rekeys: number | undefined;
  /** The packet that wants it, while it is not asked for with that alone. */
  readonly packet: PacketSelectors | undefined;
  /** Key exchange method of the KE payload; absent: none is sent. */
  readonly method: number | undefined;
  readonly triedMethods: readonly number[];
}

/** What our CREATE_CHILD_SA request for a new IKE SA asks for. */
export interface IkeAttempt {
  readonly connection: ConnectionConfig;
  readonly initiatorSpi: bigint;
  readonly method: number;
  readonly triedMethods: readonly number[];
}

/** A CREATE_CHILD_SA exchange that this side began: what it awaits, and only what is valid then. */
export type Initiation =
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
    }
  | {
      readonly kind: 'agreeing-ike-key';
      readonly requestId: number;
      readonly attempt: IkeAttempt;
      readonly nonce: Uint8Array;
      readonly responderNonce: Uint8Array;
      readonly proposal: Proposal;
      /** The peer has deleted the old IKE SA meanwhile. */
      readonly isOldDeleted: boolean;
    };

/** A request that is being worked on, and where its answer goes. */
export interface OpenRequest {
  readonly sa: IkeSa;
  readonly messageId: number;
  readonly path: Path;
  readonly marker: boolean;
}

/** What we shall answer to a request for a Child SA. */
export interface ChildReply {
  readonly connection: ConnectionConfig;
  readonly config: ChildConfig;
  readonly proposal: Proposal;
  readonly outboundSpi: number;
  readonly peerTakesTfc: boolean;
  readonly local: NegotiatedChild['localSelectors'];
  readonly remote: NegotiatedChild['remoteSelectors'];
  readonly transportAddresses: NegotiatedChild['transportAddresses'] | undefined;
  readonly rekeys: number | undefined;
  readonly initiatorNonce: Uint8Array;
  readonly method: number | undefined;
  readonly peerPublicValue: Uint8Array | undefined;
}

/** What we shall answer to a request for a new IKE SA. */
export interface IkeReply {
  readonly proposal: Proposal;
  readonly initiatorSpi: bigint;
  readonly initiatorNonce: Uint8Array;
  readonly method: number;
  readonly peerPublicValue: Uint8Array;
}

/** A CREATE_CHILD_SA exchange that the peer began, while our answer is being made. */
export type Answering =
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
      readonly childId: number;
      readonly lowest: Uint8Array;
    }
  | { readonly kind: 'ike'; readonly sa: IkeSa; readonly lowest: Uint8Array };
