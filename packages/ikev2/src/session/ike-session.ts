import type { Identity } from '@ipsec-kit/auth';
import type { Instant } from '@ipsec-kit/clock';
import type { IpAddress, Path } from '@ipsec-kit/ip';
import type { AddressUpdates } from '@ipsec-kit/mobike';
import type { KeepaliveTimer, NatStatus } from '@ipsec-kit/nat-t';
import type { RequestWindow } from '@ipsec-kit/retransmit';
import type { ChildSa } from '../child/child-sa.ts';
import type { RetiredChild } from '../child/retire-child.ts';
import type { ConnectionConfig } from '../config.ts';
import type { Lease } from '../endpoint-io.ts';
import type { Procedure, RunningProcedure } from '../procedures/procedure.ts';
import type { IkeSa } from './ike-sa.ts';
import type { SessionState } from './session-state.ts';

/** How the request that is out reads to people. */
export interface OutstandingNarration {
  readonly exchange: string;
  readonly payloads: string;
}

/** The relation to one peer, from the first message to the last: an identity that survives the rekey of its IKE SA. */
export interface IkeSession {
  readonly id: number;
  readonly role: 'initiator' | 'responder';
  state: SessionState;
  /** Known from the start as initiator, from IKE_AUTH on as responder. */
  connection: ConnectionConfig | undefined;
  /** As initiator: the child to open, and where to go on after IKE_SA_INIT. */
  readonly childName: string | undefined;
  readonly floatTo: Path | undefined;
  /** Where the first exchange went, for an attempt anew. */
  readonly firstPath: Path;
  readonly firstMarker: boolean;
  path: Path;
  /** Whether our messages carry the non-ESP marker. */
  marker: boolean;
  /** Our SPI: the key under which messages find the session. */
  localSpi: bigint;
  sa: IkeSa | undefined;
  /** The window of an initiator in IKE_SA_INIT; then the IKE SA's. */
  requests: RequestWindow;
  localIdentity: Identity | undefined;
  remoteIdentity: Identity | undefined;
  nat: NatStatus;
  keepalive: KeepaliveTimer | undefined;
  /** Both sides can do RFC 7383. */
  fragmentation: boolean;
  readonly children: Map<number, ChildSa>;
  /** Replaced Child SAs that still receive, in the order in which they go. */
  readonly retired: RetiredChild[];
  /** What our pools gave to the peer, as responder. */
  lease: Lease | undefined;
  /** What the peer gave to us, as initiator. */
  virtualAddresses: readonly IpAddress[];
  dns: readonly IpAddress[];
  /** What the outstanding request was, for the narration of its retransmissions. */
  outstanding: OutstandingNarration | undefined;
  readonly queue: Procedure[];
  running: RunningProcedure | undefined;
  /** The user's wish to end, from the moment it came. */
  isClosing: boolean;
  /** Counted among the half-open IKE SAs, under this address. */
  halfOpenFrom: IpAddress | undefined;
  /** Hash of the IKE_SA_INIT request that opened it, as responder. */
  initHash: string | undefined;
  /** Our IKE_SA_INIT response, for retransmissions of that request. @see RFC 7296 §2.1 */
  initResponse: Uint8Array | undefined;
  /** Attempts at the first exchange, this one included. */
  attempts: number;
  lastInboundAt: Instant;
  lastLivenessHintAt: Instant | undefined;
  /** Decides on the peer's MOBIKE requests; there once both sides announced it. */
  addressUpdates: AddressUpdates | undefined;
}
