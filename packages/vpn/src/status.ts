import type { WorkerCounters } from '@ipsec-kit/datapath';
import type { EngineCounters } from '@ipsec-kit/ipsec';
import type { WakeStatus } from './wake-status.ts';

/** A Child SA that carries traffic now. */
export interface ChildStatus {
  readonly id: number;
  readonly name: string;
  readonly inboundSpi: string;
  readonly outboundSpi: string;
  readonly suite: string;
  readonly localSelectors: readonly string[];
  readonly remoteSelectors: readonly string[];
  readonly mode: 'tunnel' | 'transport';
  readonly openSeconds: number;
  /** How long it has had its keys. */
  readonly ageSeconds: number;
  /** Until it gets others, and until it ends without; absent where time does not limit it, or that has begun. */
  readonly rekeyInSeconds: number | undefined;
  readonly endsInSeconds: number | undefined;
  readonly inPackets: number;
  readonly inBytes: number;
  readonly outPackets: number;
  readonly outBytes: number;
  readonly replayedPackets: number;
}

/** An IKE session with one peer. */
export interface SessionStatus {
  readonly id: number;
  readonly connection: string | undefined;
  readonly state: 'connecting' | 'open';
  readonly initiator: boolean;
  readonly suite: string;
  readonly initiatorSpi: string;
  readonly responderSpi: string;
  readonly nat: { readonly local: boolean; readonly remote: boolean; readonly forced: boolean };
  readonly local: string | undefined;
  readonly remote: string | undefined;
  readonly localIdentity: string | undefined;
  readonly remoteIdentity: string | undefined;
  /** Whom EAP has proven the peer to be, as a server: then `remoteIdentity` is what it says. */
  readonly eapIdentity?: string;
  /** Virtual addresses that the peer gave us. */
  readonly virtualAddresses: readonly string[];
  /** Virtual addresses that we gave to the peer. */
  readonly peerAddresses: readonly string[];
  readonly openSeconds: number;
  /** Until the IKE SA gets other keys, until both sides prove anew who they are, and until it ends without; absent where
   * that is not to come, or has begun.
   */
  readonly rekeyInSeconds: number | undefined;
  readonly reauthenticationInSeconds: number | undefined;
  readonly endsInSeconds: number | undefined;
  readonly lastRoundTripMs: number | undefined;
  /** The largest outer packet that is known to come through to the peer; absent while nothing is known. */
  readonly pathMtuBytes?: number;
  /** Absent before it is open. */
  readonly path?: SessionPathStatus;
  readonly children: readonly ChildStatus[];
}

/** How a session reaches its peer, what keeps that path alive, and what that has cost. Times are seconds before now, rounded down;
 * absent: never.
 */
export interface SessionPathStatus {
  /** `lost`: no address of this host leads to the peer, nothing is sent until one does; `unproven`: the peer says that it has moved
   * there, and has not answered from there yet.
   */
  readonly state: 'in-use' | 'unproven' | 'lost';
  readonly mobike: boolean;
  /** Who is behind a NAT, as seen last. */
  readonly nat: { readonly local: boolean; readonly remote: boolean };
  /** Of this host, in order of preference, and of the peer, the one in use first. */
  readonly localAddresses: readonly string[];
  readonly remoteAddresses: readonly string[];
  /** Silence after which a keepalive goes out; 0: none do. */
  readonly keepaliveSeconds: number;
  /** What was found out about the NAT mapping: how long one was seen to live without a packet, where that is known, and where the
   * interval comes from. Absent where it is not measured.
   */
  readonly binding?: { readonly lifetimeSeconds?: number; readonly state: string };
  readonly lastInIkeSeconds?: number;
  readonly lastInEspSeconds?: number;
  readonly lastOutIkeSeconds?: number;
  readonly lastOutEspSeconds?: number;
  readonly lastKeepaliveSeconds?: number;
  readonly keepalives: number;
  /** Questions whether the peer lives and where it sees this host, by their reason. */
  readonly checks: Readonly<Record<string, number>>;
  /** Times that the peer was told that this host has another address or port, or may have. */
  readonly updates: number;
  /** What is to be done next, and why. */
  readonly next?: { readonly inSeconds: number; readonly reason: string };
}

/** Everything that `ipsec-kit status` shows; plain JSON without a secret. */
export interface VpnStatus {
  readonly role: 'client' | 'server';
  /** `waiting`: a client whose traffic opens the tunnel, and there is none. */
  readonly state: 'connecting' | 'waiting' | 'open' | 'serving' | 'closing' | 'closed';
  readonly connections: readonly string[];
  readonly pid: number;
  readonly upSeconds: number;
  readonly endpoints: readonly string[];
  readonly tun: string | undefined;
  readonly sessions: readonly SessionStatus[];
  /** Absent while nothing is open. */
  readonly counters?: EngineCounters;
  /** What each of several workers has carried; absent where there is one. */
  readonly workers?: readonly WorkerCounters[];
  /** What came over the sockets and was not for the packet engine; absent while nothing is open. */
  readonly datagrams?: DatagramCounters;
  /** What waking costs; absent while nothing is open. */
  readonly wakes?: WakeStatus;
}

/** Datagrams by what became of them. */
export interface DatagramCounters {
  readonly ikeReceived: number;
  readonly ikeSent: number;
  /** IKE messages that were dropped or answered with an error in the clear. */
  readonly ikeRejected: number;
  readonly keepalivesReceived: number;
  readonly keepalivesSent: number;
  /** Too short to be IKE, ESP or a keepalive. */
  readonly malformed: number;
  /** Dropped before anybody looked: too large, or no room. */
  readonly receiveDrops: number;
  readonly sendDrops: number;
}

/** The status of what is not open yet, or closed again. */
export function idleStatus(facts: Pick<VpnStatus, 'role' | 'state' | 'connections'>): VpnStatus {
  return {
    ...facts,
    pid: process.pid,
    upSeconds: 0,
    endpoints: [],
    tun: undefined,
    sessions: [],
  };
}
