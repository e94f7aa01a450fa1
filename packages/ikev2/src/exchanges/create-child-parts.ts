import type { Proposal } from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import type { ChildSa } from '../child/child-sa.ts';
import type { Moved, NegotiatedChild } from '../child/negotiated-child.ts';
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
  /** The same as it was last, also once it is gone. */
  readonly old: ChildSa | undefined;
  /** What a reauthentication has it take the place of. */
  readonly moves: Moved | undefined;
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

/** A request that is being worked on, and where its answer goes. */
export interface OpenRequest {
  readonly sa: IkeSa;
  /** CREATE_CHILD_SA or IKE_FOLLOWUP_KE. */
  readonly exchangeType: number;
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
