import type { Identity } from '@ipsec-kit/auth';
import type { CipherSuite, KeyMaterial } from '@ipsec-kit/crypto';
import type { Transform } from '@ipsec-kit/ikev2-codec';
import type { IpAddress, Path, TrafficSelector } from '@ipsec-kit/ip';
import type { DpdReason } from '@ipsec-kit/nat-t';
import type { ChildMode } from './config.ts';

/** Why a session failed or ended; `sentence` is for people: what was offered, what the peer wanted, what to do. */
export interface SessionFailure {
  readonly code:
    | 'peer-unreachable'
    | 'no-proposal-chosen'
    | 'invalid-ke-payload'
    | 'authentication-failed'
    | 'ts-unacceptable'
    | 'childless-refused'
    | 'internal-address-failure'
    | 'no-additional-sas'
    | 'nat-traversal-refused'
    | 'invalid-syntax'
    | 'unsupported-critical-payload'
    | 'invalid-major-version'
    | 'peer-deleted'
    | 'peer-dead'
    | 'replaced'
    | 'closed-by-user'
    | 'lifetime-over'
    | 'out-of-step'
    | 'reauthenticating'
    | 'install-failed'
    | 'internal';
  readonly sentence: string;
  /** The notify type received or sent, when there was one. */
  readonly notify?: number;
}

/** Why the peer is asked: as the policy of the path decides, on command, at an unprotected hint, or to know which of two IKE SAs
 * it has.
 */
export type LivenessReason = DpdReason | 'command' | 'hint' | 'proof';

/** What happens in sessions, as plain data. Names are noun-verb. */
export type SessionEvent =
  | {
      /** A message was sent or received: the narration of exchanges. */
      readonly kind: 'message';
      readonly sessionId: number;
      readonly direction: 'sent' | 'received';
      readonly exchange: string;
      readonly messageId: number;
      readonly isResponse: boolean;
      readonly bytes: number;
      readonly path: Path;
      /** Payloads as people read them: `SA KE No N(NAT_DETECTION_SOURCE_IP) ...`. */
      readonly payloads: string;
      /** On a received response: from the first transmission of the request. */
      readonly roundTripMs?: number;
      readonly retransmission: boolean;
      readonly fragments: number;
    }
  | {
      readonly kind: 'message-rejected';
      readonly sessionId?: number;
      readonly reason: string;
      /** Name of the notification that it was answered with; absent: silence. */
      readonly answer?: string;
      readonly path: Path;
    }
  | {
      readonly kind: 'ike-sa-keyed';
      readonly sessionId: number;
      readonly connection: string | undefined;
      readonly initiator: boolean;
      readonly initiatorSpi: bigint;
      readonly responderSpi: bigint;
      readonly transforms: readonly Transform[];
      readonly suite: CipherSuite;
      /** For key logs; redacted wherever it is printed. */
      readonly keys: {
        readonly skEi: KeyMaterial;
        readonly skEr: KeyMaterial;
        readonly skAi: KeyMaterial;
        readonly skAr: KeyMaterial;
      };
      readonly nat: { readonly local: boolean; readonly remote: boolean; readonly forced: boolean };
    }
  /** The first exchange had no answer and starts anew, as `keyingTries` says. */
  | {
      readonly kind: 'session-retried';
      readonly sessionId: number;
      /** 2 for the second attempt. */
      readonly attempt: number;
      readonly failure: SessionFailure;
    }
  | {
      readonly kind: 'session-opened';
      readonly sessionId: number;
      readonly connection: string;
      readonly localIdentity: Identity;
      readonly remoteIdentity: Identity;
      /** Whom EAP has proven the initiator to be, as responder: what `remoteIdentity` only says then. @see RFC 7296 §2.16 */
      readonly eapIdentity?: Identity;
      /** Whether its keys have a post-quantum pre-shared key in them; absent where the connection has none. @see RFC 8784 §6 */
      readonly ppk?: 'used' | 'unused';
      readonly path: Path;
      readonly virtualAddresses: readonly IpAddress[];
      /** Addresses that we gave to the peer, as responder. */
      readonly peerAddresses: readonly IpAddress[];
      /** Who began its IKE SA, and the SPIs of that: what was told of it before may have been under another id. */
      readonly by: 'local' | 'peer';
      readonly spis: { readonly initiator: bigint; readonly responder: bigint };
    }
  | {
      readonly kind: 'child-opened';
      readonly sessionId: number;
      readonly childId: number;
      readonly name: string;
      readonly inboundSpi: number;
      readonly outboundSpi: number;
      readonly suite: CipherSuite;
      /** Whether its sequence numbers are extended. */
      readonly esn: boolean;
      readonly localSelectors: readonly TrafficSelector[];
      readonly remoteSelectors: readonly TrafficSelector[];
      readonly mode: ChildMode;
      /** What our configuration asks for: a tunnel stands where the peer does not, or the selectors do not allow it. */
      readonly configuredMode: ChildMode;
    }
  | {
      readonly kind: 'child-failed';
      readonly sessionId: number;
      readonly name: string;
      readonly failure: SessionFailure;
    }
  | {
      readonly kind: 'child-closed';
      readonly sessionId: number;
      readonly childId: number;
      readonly name: string;
      readonly reason: string;
      /** `trap`: the configuration wants traffic to open it again, so the driver sets its trap. `start`: it is being opened. */
      readonly action?: 'trap' | 'start';
    }
  /** A Child SA has been replaced by another; to its user it is the same. */
  | {
      readonly kind: 'child-rekeyed';
      readonly sessionId: number;
      readonly oldChildId: number;
      readonly newChildId: number;
      readonly name: string;
      /** Which side began it. */
      readonly by: 'local' | 'peer';
      readonly inboundSpi: number;
      readonly outboundSpi: number;
      readonly suite: CipherSuite;
      /** Whether its sequence numbers are extended. */
      readonly esn: boolean;
      readonly localSelectors: readonly TrafficSelector[];
      readonly remoteSelectors: readonly TrafficSelector[];
      readonly mode: ChildMode;
    }
  /** A rekey that this side began has failed; what it was to replace stays while it may, and it is tried again. */
  | {
      readonly kind: 'rekey-failed';
      readonly sessionId: number;
      /** Absent: the IKE SA. */
      readonly childId?: number;
      readonly failure: SessionFailure;
      readonly retryInMs: number;
    }
  /** The IKE SA has been replaced by another; children, addresses and the session stay. An `ike-sa-keyed` came before. */
  | {
      readonly kind: 'session-rekeyed';
      readonly sessionId: number;
      readonly by: 'local' | 'peer';
      readonly spis: { readonly initiator: bigint; readonly responder: bigint };
    }
  /** Both sides have proven anew who they are, in a new IKE SA. */
  | {
      readonly kind: 'session-reauthenticated';
      readonly sessionId: number;
      readonly by: 'local' | 'peer';
      readonly spis: { readonly initiator: bigint; readonly responder: bigint };
    }
  | {
      readonly kind: 'reauthentication-failed';
      readonly sessionId: number;
      /** The IKE SA that is in use: when the new one stood already and did not hold, that is the old one again. */
      readonly spis: { readonly initiator: bigint; readonly responder: bigint };
      readonly failure: SessionFailure;
      /** 0: none is planned on this side. */
      readonly retryInMs: number;
    }
  /** The IKE SA of a session is lost, and with it the children, each of which was closed; it is opened anew under the same id,
   * and `session-opened` follows when it stands.
   */
  | {
      readonly kind: 'session-interrupted';
      readonly sessionId: number;
      /** Who opens it: of the peer it is hoped for, and `session-closed` follows when it has not within `retryInMs`. */
      readonly by: 'local' | 'peer';
      readonly failure: SessionFailure;
      /** 0: at once. */
      readonly retryInMs: number;
    }
  | {
      readonly kind: 'liveness-confirmed';
      readonly sessionId: number;
      readonly roundTripMs: number;
    }
  | {
      readonly kind: 'peer-path-changed';
      readonly sessionId: number;
      readonly from: Path;
      readonly to: Path;
    }
  /** The peer's view of our address has changed: a NAT has given us another one, and the peer is told. @see RFC 4555 §3.8 */
  | { readonly kind: 'mapping-changed'; readonly sessionId: number; readonly path: Path }
  /** The peer has taken over where we are. @see RFC 4555 §3.5 */
  | {
      readonly kind: 'addresses-updated';
      readonly sessionId: number;
      readonly from: Path;
      readonly to: Path;
      readonly roundTripMs: number;
    }
  /** No path to the peer is left that could be tried; `path-found` follows when there is one again. */
  | { readonly kind: 'path-lost'; readonly sessionId: number }
  | { readonly kind: 'path-found'; readonly sessionId: number; readonly path: Path }
  /** How long the NAT of this network keeps an idle mapping. */
  | {
      readonly kind: 'binding-discovered';
      readonly sessionId: number;
      /** The keepalive interval that follows. */
      readonly keepaliveMs: number;
      /** Absent where nothing could be proven. */
      readonly lifetimeMs?: number;
      readonly probes: number;
    }
  /** The program has not run for a while; what follows from it comes after this. */
  | { readonly kind: 'slept'; readonly sleptMs: number }
  /** The peer is asked whether it is there, and with NAT detection also where it sees us. */
  | {
      readonly kind: 'liveness-check-started';
      readonly sessionId: number;
      readonly reason: LivenessReason;
      readonly natDetection: boolean;
    }
  | {
      readonly kind: 'session-closed';
      readonly sessionId: number;
      readonly connection: string | undefined;
      readonly failure: SessionFailure;
      /** `trap`: the configuration wants traffic to open it again, so the driver sets the traps of its children. */
      readonly action?: 'trap';
    };
