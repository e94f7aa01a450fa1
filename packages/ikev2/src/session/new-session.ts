import type { IpAddress, Path } from '@ipsec-kit/ip';
import { MappingTracker } from '@ipsec-kit/nat-t';
import { RequestWindow } from '@ipsec-kit/retransmit';
import type { ConnectionConfig } from '../config.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { PacketSelectors } from '../endpoint-io.ts';
import { EarnedBytes } from '../mobike/earned-bytes.ts';
import { ProbeAllowance } from '../mobike/probe-allowance.ts';
import { NAT_UNKNOWN } from '../nat/nat-detection.ts';
import { NO_WISHES } from '../proof/peer-wishes.ts';
import type { IkeSession } from './ike-session.ts';
import type { SessionState } from './session-state.ts';

/** What a session begins with. */
export interface SessionStart {
  readonly id: number;
  readonly role: IkeSession['role'];
  readonly state: SessionState;
  readonly localSpi: bigint;
  readonly path: Path;
  readonly marker: boolean;
  readonly connection?: ConnectionConfig;
  readonly childName?: string | undefined;
  readonly floatTo?: Path | undefined;
  /** The session that it is to replace. */
  readonly takesOver?: IkeSession;
  /** Absent: those of the connection. */
  readonly wantedAddresses?: readonly IpAddress[] | undefined;
  readonly firstPacket?: PacketSelectors | undefined;
  readonly halfOpenFrom?: IpAddress;
  readonly initHash?: string;
}

/** Creates a session and enters it into the tables of the endpoint. */
export function openSession(context: EndpointContext, start: SessionStart): IkeSession {
  const session: IkeSession = {
    id: start.id,
    role: start.role,
    state: start.state,
    connection: start.connection,
    // By its name from the start: what is opened beside it in place of a lost session is all but this one.
    childName: start.childName ?? firstNameOf(start),
    floatTo: start.floatTo,
    firstPath: start.path,
    firstMarker: start.marker,
    path: start.path,
    marker: start.marker,
    localSpi: start.localSpi,
    sa: undefined,
    requests: new RequestWindow({
      policy: context.settings.retransmit,
      jitterFraction: context.jitter,
    }),
    localIdentity: undefined,
    remoteIdentity: undefined,
    eap: undefined,
    eapIdentity: undefined,
    ppk: 'none',
    nat: NAT_UNKNOWN,
    liveness: undefined,
    binding: undefined,
    follower: undefined,
    mapping: new MappingTracker(),
    peerWishes: NO_WISHES,
    signatureRefusals: 0,
    peerIsChildless: false,
    fragmentation: false,
    pathMtuBytes: undefined,
    children: new Map(),
    carried: new Map(),
    retired: [],
    lease: undefined,
    virtualAddresses: [],
    dns: [],
    outstanding: undefined,
    queue: [],
    running: undefined,
    postponed: [],
    initiation: undefined,
    answering: undefined,
    peerSeries: undefined,
    rival: undefined,
    learnedMethods: new Map(),
    deletedEarly: new Set(),
    replaced: [],
    rekeyAt: undefined,
    expiresAt: undefined,
    isEndPutOff: false,
    generation: 0,
    ikeRetryAt: undefined,
    postponements: 0,
    isClosing: false,
    halfOpenFrom: start.halfOpenFrom,
    initHash: start.initHash,
    initResponse: undefined,
    attempts: 1,
    lastInboundAt: context.now,
    peerUse: 'none',
    lastLivenessHintAt: undefined,
    wokeAt: undefined,
    movedAt: undefined,
    takesOver: start.takesOver,
    hasWaited: false,
    meantForOldUntil: undefined,
    takenOverBy: undefined,
    lateAnswer: undefined,
    successor: undefined,
    isSecondTry: false,
    peerSuccessor: undefined,
    repeatAuthAt: undefined,
    isReauthDue: false,
    predecessor: undefined,
    leftToClose: [],
    isReauthenticated: false,
    failedReauths: 0,
    isReopened: false,
    awaitsPeer: undefined,
    furtherChildren: [],
    reopenings: 0,
    lowestNonce: new Uint8Array(0),
    begunAt: context.now,
    establishedAt: context.now,
    firstPacket: start.firstPacket,
    wantedAddresses: start.wantedAddresses ?? start.connection?.virtualAddresses ?? [],
    addressUpdates: undefined,
    mover: undefined,
    responderMove: undefined,
    standby: undefined,
    authSent: undefined,
    provenPath: undefined,
    followedTo: undefined,
    answeredAt: [],
    earned: new EarnedBytes(),
    probes: start.takesOver?.probes ?? new ProbeAllowance(),
    owed: undefined,
    heardAt: [],
    unprovenTransmissions: 0,
    announced: [],
    delegated: undefined,
    parked: undefined,
  };
  context.sessions.set(session.id, session);
  context.sessionsBySpi.set(session.localSpi, session);
  if (session.initHash) context.sessionsByInitHash.set(session.initHash, session);
  if (session.halfOpenFrom) context.halfOpen.add(session.halfOpenFrom);
  return session;
}

function firstNameOf({ role, connection }: SessionStart): string | undefined {
  return role === 'initiator' ? connection?.children[0]?.name : undefined;
}
