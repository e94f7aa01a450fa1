import type { Identity } from '@ipsec-kit/auth';
import type { Instant } from '@ipsec-kit/clock';
import type { IpAddress, Path } from '@ipsec-kit/ip';
import type { AddressUpdates, PathMover, ResponderMove } from '@ipsec-kit/mobike';
import type {
  LivenessPolicy,
  MappingTracker,
  NatStatus,
  PeerFollower,
  StandbyKeepalives,
} from '@ipsec-kit/nat-t';
import type { RequestWindow } from '@ipsec-kit/retransmit';
import type { SessionBinding } from '../binding/session-binding.ts';
import type { ChildSa, RetiredChild } from '../child/child-sa.ts';
import type { ConnectionConfig } from '../config.ts';
import type { EapConversation } from '../eap/eap-state.ts';
import type { HeapEntry } from '../endpoint/deadline-heap.ts';
import type { TimerName } from '../endpoint/timer-name.ts';
import type { PacketSelectors } from '../endpoint-io.ts';
import type { Lease } from '../endpoint-work.ts';
import type { SessionFailure } from '../events.ts';
import type { Answering, Initiation, Rival } from '../exchanges/create-child-state.ts';
import type { PeerSeries } from '../exchanges/follow-up-state.ts';
import type { EarnedBytes } from '../mobike/earned-bytes.ts';
import type { ProbeAllowance } from '../mobike/probe-allowance.ts';
import type { PpkState } from '../ppk/ppk-state.ts';
import type { PostponedProcedure, Procedure, RunningProcedure } from '../procedures/procedure.ts';
import type { PeerWishes } from '../proof/peer-wishes.ts';
import type { IkeSa } from './ike-sa.ts';
import type { LateAnswer } from './late-answer.ts';
import type { LeftToClose } from './left-to-close.ts';
import type { OwedResponse } from './owed-response.ts';
import type { ReplacedIkeSa } from './replaced-ike-sa.ts';
import type { SessionState } from './session-state.ts';

/** How the request that is out reads to people. */
export interface OutstandingNarration {
  readonly exchange: string;
  readonly payloads: string;
}

/** The relation to one peer, from the first message to the last: an identity that survives the rekey of its IKE SA. */
export interface IkeSession {
  /** What the driver and the events call it; negative while it is behind another. A reauthentication exchanges it. */
  id: number;
  readonly role: 'initiator' | 'responder';
  state: SessionState;
  /** Known from the start as initiator, from IKE_AUTH on as responder. */
  connection: ConnectionConfig | undefined;
  /** As initiator: the child that IKE_AUTH asks for, and where to go on after IKE_SA_INIT. */
  childName: string | undefined;
  floatTo: Path | undefined;
  /** The packet that wants the child. */
  readonly firstPacket: PacketSelectors | undefined;
  /** Where the first exchange went, for an attempt anew. */
  firstPath: Path;
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
  /** The EAP conversation inside IKE_AUTH, until the IKE SA stands. */
  eap: EapConversation | undefined;
  /** Whom EAP has proven the initiator to be, as responder. */
  eapIdentity: Identity | undefined;
  nat: NatStatus;
  /** Keeps the path alive, and asks for it; there once established, and not while it waits behind another. */
  liveness: LivenessPolicy | undefined;
  /** Measures how long the NAT keeps a mapping; there while that is wanted. */
  binding: SessionBinding | undefined;
  /** Decides when the peer's packets have come from elsewhere for good; there once established. */
  follower: PeerFollower | undefined;
  /** Notices that a NAT has given us another address or port. */
  readonly mapping: MappingTracker;
  /** How the peer wants us to prove who we are. */
  peerWishes: PeerWishes;
  /** How far a post-quantum pre-shared key has come into its keys. */
  ppk: PpkState;
  /** Ways to sign that the peer has refused, as initiator. */
  signatureRefusals: number;
  /** As initiator: the peer takes an IKE SA without a Child SA. @see RFC 6023 §3 */
  peerIsChildless: boolean;
  /** Both sides can do RFC 7383. */
  fragmentation: boolean;
  /** What the path carries, as far as it has been found. */
  pathMtuBytes: number | undefined;
  readonly children: Map<number, ChildSa>;
  /** The last Child SA of each name that it has or has had: the peer may not know yet that one is gone. */
  readonly carried: Map<string, Pick<ChildSa, 'localSelectors' | 'remoteSelectors'>>;
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
  /** Procedures that the peer has put off, in the order of their times. */
  readonly postponed: PostponedProcedure[];
  /** The CREATE_CHILD_SA exchange of the running procedure, and the one of the peer that is being answered. */
  initiation: Initiation | undefined;
  answering: Answering | undefined;
  /** Additional key exchanges that the peer has begun with CREATE_CHILD_SA, while the next one is awaited. */
  peerSeries: PeerSeries | undefined;
  /** The result of the peer's rekey of what the running procedure rekeys too. */
  rival: Rival | undefined;
  /** SPIs that the peer has deleted while our request for a Child SA was out: its answer may be on its way behind. */
  readonly deletedEarly: Set<number>;
  /** Earlier IKE SAs of this session, until their DELETE is over. */
  readonly replaced: ReplacedIkeSa[];
  /** When the IKE SA is to be replaced. */
  rekeyAt: Instant | undefined;
  /** The hard end of the IKE SA. */
  expiresAt: Instant | undefined;
  /** Whether a late wake has put that end off already: once only. */
  isEndPutOff: boolean;
  /** IKE SAs that this session has had before this one. */
  generation: number;
  /** The peer has refused or put off the rekey of the IKE SA: asked for again then, and not before. */
  ikeRetryAt: Instant | undefined;
  /** How often the peer has put the rekey of the IKE SA off. */
  postponements: number;
  /** Key exchange methods that the peer asked for in INVALID_KE_PAYLOAD, by the name of the child; '' is the IKE SA. */
  readonly learnedMethods: Map<string, number>;
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
  /** Whether the peer has asked for something since the IKE SA stands, and whether it has had a message of ours, as its answer or
   * its next request shows.
   */
  peerUse: 'none' | 'asked' | 'heard';
  lastLivenessHintAt: Instant | undefined;
  /** As initiator: when the device last woke, until the peer is heard or has had time to answer. */
  wokeAt: Instant | undefined;
  /** When a change of addresses last moved it, or gave it a path again. */
  movedAt: Instant | undefined;
  /** The session whose place this IKE SA is to take once it stands: a reauthentication. */
  takesOver: IkeSession | undefined;
  /** The IKE SA that has taken the place of this one, which now waits for its DELETE. */
  takenOverBy: IkeSession | undefined;
  /** The DELETE of this IKE SA that is to be answered shortly. */
  lateAnswer: LateAnswer | undefined;
  /** Our attempt to open an IKE SA that takes the place of this one. */
  successor: IkeSession | undefined;
  /** It was begun because the first request after a sleep had no answer, and is not needed when that comes. */
  isSecondTry: boolean;
  /** The peer's, which we have accepted and are installing. */
  peerSuccessor: IkeSession | undefined;
  /** As responder: its IKE_AUTH came while another reauthentication was under way, and was put off. */
  hasWaited: boolean;
  /** Until when what the peer begins may be meant for an IKE SA whose place this one has taken. */
  meantForOldUntil: Instant | undefined;
  /** As initiator: when to repeat the authentication, where the peer lets it count for a time. @see RFC 4478 §2 */
  repeatAuthAt: Instant | undefined;
  /** A reauthentication is wanted, and waits for the end of another. */
  isReauthDue: boolean;
  /** The IKE SA whose place this one has taken, while that is not deleted. */
  predecessor: IkeSession | undefined;
  /** As responder: what its user closed under the ones before it, and the peer may move still. */
  readonly leftToClose: LeftToClose[];
  /** It has taken the place of another: a reauthentication made it. */
  isReauthenticated: boolean;
  /** Reauthentications that failed since the last one that did not. */
  failedReauths: number;
  /** Users have seen it open before: it opens anew under the same name. */
  isReopened: boolean;
  /** It is the peer who is to open the session anew: why it ends when the peer does not. */
  awaitsPeer: SessionFailure | undefined;
  /** Names of the children that are opened when the first one stands: what it had when it was lost. */
  furtherChildren: readonly string[];
  /** How often it was opened anew since it last stood for long. */
  reopenings: number;
  /** The lower of the two nonces of IKE_SA_INIT. */
  lowestNonce: Uint8Array;
  /** When its first message was sent or received. */
  readonly begunAt: Instant;
  /** When the IKE SA was authenticated. */
  establishedAt: Instant;
  /** Virtual addresses to ask for as initiator; those of the connection, or what we had before. */
  readonly wantedAddresses: readonly IpAddress[];
  /** Decides on the peer's MOBIKE requests; there once both sides announced it. */
  addressUpdates: AddressUpdates | undefined;
  /** Chooses the path, as initiator of an IKE SA that stands. */
  mover: PathMover | undefined;
  /** Our own move to another address, as responder. */
  responderMove: ResponderMove | undefined;
  /** Keeps the NAT mappings to the peer's other addresses. */
  standby: StandbyKeepalives | undefined;
  /** The path that the IKE_AUTH request of ours first went over: the peer may go by it, wherever its retransmissions came from. Once it was
   * sent again, it is not known which copy the peer goes by.
   */
  authSent: { readonly path: Path; isRepeated: boolean } | undefined;
  /** The path on which the peer was last shown to be. */
  provenPath: Path | undefined;
  /** Where the peer's packets came from and it is not shown to be yet. */
  followedTo: Path | undefined;
  /** Addresses that our IKE_SA_INIT response went to, as responder; a few. */
  answeredAt: readonly IpAddress[];
  /** What may go to addresses where it was not shown to be. */
  readonly earned: EarnedBytes;
  /** What may go unasked to addresses that the peer has listed, as initiator. */
  readonly probes: ProbeAllowance;
  /** A response that waits for the peer to be shown where it has moved to. */
  owed: OwedResponse | undefined;
  /** Where copies of its last request came from while it is not proven to be where it has moved to: at most two. */
  heardAt: readonly Path[];
  /** Retransmissions to where the peer says that it is, and has not shown to be, since it says so. */
  unprovenTransmissions: number;
  /** Our other addresses, as the peer was told of them last. */
  announced: readonly IpAddress[];
  /** Somebody else keeps it alive, beginning with this request of the peer; its deadlines rest, and it sends nothing. */
  delegated: { readonly expectedRequestId: number } | undefined;
  /** The deadlines that rest while there is no path to the peer, or it is delegated; `undefined` otherwise. */
  parked: Map<TimerName, HeapEntry<TimerName>> | undefined;
}
