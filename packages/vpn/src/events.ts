import type { LivenessReason, SessionFailure } from '@ipsec-kit/ikev2';
import type { CertificateStanding, RevalidationAction, RevalidationReason } from '@ipsec-kit/x509';
import type { VpnErrorCode } from './vpn-error.ts';

/** What happens in a client or server, as plain JSON: no keys, addresses and suites as text, SPIs as hexadecimal.
 * Names are noun-verb; `kind` tells the variants apart.
 */
export type VpnEvent =
  | { readonly kind: 'control-opened'; readonly path: string }
  /** The UDP addresses and ports that IKE and ESP use from now on. */
  | { readonly kind: 'sockets-opened'; readonly endpoints: readonly string[] }
  /** A server is ready: peers are answered from now on. */
  | {
      readonly kind: 'serving-started';
      readonly endpoints: readonly string[];
      readonly connections: readonly string[];
    }
  | { readonly kind: 'tun-opened'; readonly name: string; readonly mtu: number }
  | {
      readonly kind: 'tun-configured';
      readonly name: string;
      readonly addresses: readonly string[];
      readonly routes: readonly string[];
      readonly dns: readonly string[];
    }
  | { readonly kind: 'connection-started'; readonly connection: string; readonly remote: string }
  | { readonly kind: 'warning-raised'; readonly sentence: string }
  | {
      readonly kind: 'message';
      readonly sessionId: number;
      readonly direction: 'sent' | 'received';
      readonly exchange: string;
      readonly messageId: number;
      readonly isResponse: boolean;
      readonly bytes: number;
      readonly local: string;
      readonly remote: string;
      readonly payloads: string;
      readonly roundTripMs?: number;
      readonly retransmission: boolean;
      readonly fragments: number;
    }
  | {
      readonly kind: 'message-rejected';
      readonly sessionId?: number;
      readonly reason: string;
      /** The notification that it was answered with in the clear; absent: silence. */
      readonly answer?: string;
      readonly remote: string;
    }
  | {
      readonly kind: 'ike-sa-keyed';
      readonly sessionId: number;
      readonly connection?: string;
      readonly initiator: boolean;
      readonly initiatorSpi: string;
      readonly responderSpi: string;
      readonly suite: string;
      readonly nat: { readonly local: boolean; readonly remote: boolean; readonly forced: boolean };
    }
  /** The first exchange had no answer and starts anew. */
  | {
      readonly kind: 'session-retried';
      readonly sessionId: number;
      readonly attempt: number;
      readonly sentence: string;
    }
  | {
      readonly kind: 'session-opened';
      readonly sessionId: number;
      readonly connection: string;
      readonly localIdentity: string;
      readonly remoteIdentity: string;
      /** Whom EAP has proven the peer to be, as a server. */
      readonly eapIdentity?: string;
      /** Whether a post-quantum pre-shared key is in its keys; absent where the connection has none. */
      readonly ppk?: 'used' | 'unused';
      readonly local: string;
      readonly remote: string;
      readonly virtualAddresses: readonly string[];
      readonly peerAddresses: readonly string[];
      readonly initiatorSpi: string;
      readonly responderSpi: string;
    }
  | {
      readonly kind: 'child-opened';
      readonly sessionId: number;
      readonly childId: number;
      readonly name: string;
      readonly inboundSpi: string;
      readonly outboundSpi: string;
      /** With `/ESN` where its sequence numbers are extended. */
      readonly suite: string;
      readonly localSelectors: readonly string[];
      readonly remoteSelectors: readonly string[];
      readonly mode: 'tunnel' | 'transport';
      /** What our configuration asks for. */
      readonly configuredMode: 'tunnel' | 'transport';
    }
  /** What the path to the peer carries: outer packets of this size come through, or what came through before does so no more. */
  | {
      readonly kind: 'path-mtu-changed';
      readonly sessionId: number;
      readonly bytes: number;
      readonly reason: 'found' | 'lost';
    }
  | {
      readonly kind: 'child-failed';
      readonly sessionId: number;
      readonly name: string;
      readonly code: SessionFailure['code'];
      readonly sentence: string;
    }
  | {
      readonly kind: 'child-closed';
      readonly sessionId: number;
      readonly childId: number;
      readonly name: string;
      readonly reason: string;
      /** `start`: it is opened again. */
      readonly action?: 'trap' | 'start';
    }
  /** How the certificate of a session's peer stands when it was looked at again, and what is done about it: on a command always, else
   * when that is news. `unknown`: nothing fresh says whether it is revoked.
   */
  | {
      readonly kind: 'session-revalidated';
      readonly sessionId: number;
      readonly connection: string;
      readonly reason: RevalidationReason;
      readonly standing: CertificateStanding;
      readonly action: 'none' | RevalidationAction['kind'];
      /** Of all standings but `good`. */
      readonly sentence?: string;
      /** With `grace`: until the session ends, unless it stands well again. */
      readonly endsInMs?: number;
    }
  /** To its user it is the same child: only SPIs and keys are new. */
  | {
      readonly kind: 'child-rekeyed';
      readonly sessionId: number;
      readonly oldChildId: number;
      readonly newChildId: number;
      readonly name: string;
      readonly by: 'local' | 'peer';
      readonly inboundSpi: string;
      readonly outboundSpi: string;
      /** With `/ESN` where its sequence numbers are extended. */
      readonly suite: string;
      readonly localSelectors: readonly string[];
      readonly remoteSelectors: readonly string[];
      readonly mode: 'tunnel' | 'transport';
    }
  | {
      readonly kind: 'session-rekeyed' | 'session-reauthenticated';
      readonly sessionId: number;
      readonly by: 'local' | 'peer';
      readonly initiatorSpi: string;
      readonly responderSpi: string;
    }
  /** What was to be replaced stays while it may, and it is tried again. */
  | {
      readonly kind: 'rekey-failed';
      readonly sessionId: number;
      readonly childId?: number;
      readonly retryInMs: number;
      readonly code: SessionFailure['code'];
      readonly sentence: string;
    }
  | {
      readonly kind: 'reauthentication-failed';
      readonly sessionId: number;
      /** Of the IKE SA that is in use. */
      readonly initiatorSpi: string;
      readonly responderSpi: string;
      readonly retryInMs: number;
      readonly code: SessionFailure['code'];
      readonly sentence: string;
    }
  /** The session is lost and is opened anew: `session-opened` follows under the same id. */
  | {
      readonly kind: 'session-interrupted';
      readonly sessionId: number;
      /** Who opens it: of the peer it is hoped for, and `session-closed` follows when it has not within `retryInMs`. */
      readonly by: 'local' | 'peer';
      readonly retryInMs: number;
      readonly code: SessionFailure['code'];
      readonly sentence: string;
    }
  /** Traffic that found no SA has begun a negotiation. */
  | {
      readonly kind: 'acquire-started';
      readonly sessionId: number;
      readonly connection: string;
      readonly name: string;
      /** Both ends of the packet, as selectors. */
      readonly local: string;
      readonly remote: string;
    }
  /** It has failed; traffic may begin another when the pause is over. */
  | {
      readonly kind: 'acquire-failed';
      readonly connection: string;
      readonly name: string;
      readonly retryInMs: number;
      readonly code: VpnErrorCode;
      readonly sentence: string;
    }
  | {
      readonly kind: 'liveness-confirmed';
      readonly sessionId: number;
      readonly roundTripMs: number;
    }
  | {
      readonly kind: 'peer-path-changed';
      readonly sessionId: number;
      /** The peer's ends. */
      readonly from: string;
      readonly to: string;
      /** Our ends. */
      readonly localFrom: string;
      readonly localTo: string;
    }
  /** A NAT has given us another address or port, and the peer is told. */
  | { readonly kind: 'mapping-changed'; readonly sessionId: number; readonly remote: string }
  /** The peer has taken over where we are. */
  | {
      readonly kind: 'addresses-updated';
      readonly sessionId: number;
      /** Our ends. */
      readonly from: string;
      readonly to: string;
      /** The peer's ends. */
      readonly remoteFrom: string;
      readonly remoteTo: string;
      readonly roundTripMs: number;
    }
  /** No path to the peer is left to try, until `path-found`. */
  | { readonly kind: 'path-lost'; readonly sessionId: number }
  | {
      readonly kind: 'path-found';
      readonly sessionId: number;
      readonly local: string;
      readonly remote: string;
    }
  /** How long the NAT of this network keeps an idle mapping, and the keepalive interval that follows. */
  | {
      readonly kind: 'binding-discovered';
      readonly sessionId: number;
      readonly keepaliveMs: number;
      readonly lifetimeMs?: number;
      readonly probes: number;
    }
  /** The program has not run for a while. */
  | { readonly kind: 'slept'; readonly sleptMs: number }
  | {
      readonly kind: 'liveness-check-started';
      readonly sessionId: number;
      readonly reason: LivenessReason;
      readonly natDetection: boolean;
    }
  | {
      readonly kind: 'session-closed';
      readonly sessionId: number;
      readonly connection?: string;
      readonly code: SessionFailure['code'];
      readonly sentence: string;
    };
