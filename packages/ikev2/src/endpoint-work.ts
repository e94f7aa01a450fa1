import type { Identity } from '@ipsec-kit/auth';
import type {
  CipherSuite,
  KeyAgreement,
  KeyExchangeSecret,
  KeyMaterial,
  KeyResponse,
} from '@ipsec-kit/crypto';
import type { Endpoint, IpAddress, Path, TrafficSelector } from '@ipsec-kit/ip';
import type { ChildLimits } from './child/child-limits.ts';
import type { CertificateData, ChildConfig, ChildMode } from './config.ts';

/** Slow or foreign work. */
export type Request =
  | { readonly kind: 'generate-key'; readonly method: number }
  | {
      readonly kind: 'agree-key';
      readonly secret: KeyExchangeSecret;
      readonly peerPublicValue: Uint8Array;
    }
  /** The responder's end of an additional key exchange, in one step. @see RFC 9370 §2.2.2 */
  | { readonly kind: 'respond-key'; readonly method: number; readonly peerPublicValue: Uint8Array }
  | {
      readonly kind: 'shared-secret';
      readonly connection: string;
      readonly local: Identity;
      /** The peer's identity; its address (ID_IPV4_ADDR, ID_IPV6_ADDR) while the initiator cannot know more. */
      readonly remote: Identity;
    }
  | SignRequest
  | VerifyPeerRequest
  | EapStepRequest
  | {
      readonly kind: 'lease';
      readonly connection: string;
      readonly pools: readonly string[];
      readonly identity: Identity;
      readonly requested: readonly IpAddress[];
    }
  /** A port of its own towards the peer, whose NAT mapping nobody else uses: what comes in on it is a `datagram`, with the
   * marker as on port 4500.
   */
  | { readonly kind: 'open-scratch-port'; readonly remote: Endpoint }
  /** Always blocking: the SA stands before the message that promises it leaves. */
  | { readonly kind: 'install-child'; readonly child: ChildInstallation };

/** Proves who we are with a signature. The driver chooses the key and its certificates, and the algorithm: one whose hash the peer
 * has, and of those it has the best. Without an answer for {@link PROOF_TIMEOUT_MS} it counts as failed.
 * @see RFC 7427 §3, RFC 7296 §2.15
 */
export interface SignRequest {
  readonly kind: 'sign';
  readonly connection: string;
  readonly local: Identity;
  /** The peer's identity; its address (ID_IPV4_ADDR, ID_IPV6_ADDR) while the initiator cannot know more. */
  readonly remote: Identity;
  /** What is signed. */
  readonly octets: Uint8Array;
  /** From the peer's SIGNATURE_HASH_ALGORITHMS; `undefined`: it sent none, so that methods 1, 9, 10 and 11 remain. */
  readonly peerHashes: readonly number[] | undefined;
  /** The peer's CERTREQ payloads; none: it asked for no certificate. */
  readonly certificateRequests: readonly CertificateData[];
  /** How many ways to sign the peer has refused already: the one after those is wanted. */
  readonly refusals: number;
}

/** Checks a peer's signature, its certificates, and that they vouch for its identity. What is wrong is never told to the peer.
 * Without an answer for {@link PROOF_TIMEOUT_MS} it counts as failed.
 */
export interface VerifyPeerRequest {
  readonly kind: 'verify-peer';
  readonly connection: string;
  readonly local: Identity;
  /** Who the peer says it is; it has matched the configured identity. */
  readonly remote: Identity;
  /** The peer's role in the IKE SA. */
  readonly role: 'initiator' | 'responder';
  /** What was signed. */
  readonly octets: Uint8Array;
  /** Its AUTH payload. */
  readonly auth: { readonly method: number; readonly data: Uint8Array };
  /** Its CERT payloads, the own certificate first; any number, any encoding. */
  readonly certificates: readonly CertificateData[];
  /** We prove anew who both sides are: what is fetched for it might go through the tunnel that waits for it. */
  readonly isReauthentication: boolean;
  /** Of the IKE SA that it is for, by which the events name it when it stands. */
  readonly spis: { readonly initiator: bigint; readonly responder: bigint };
}

/** One step of an EAP conversation: the driver knows the methods, and the passwords and certificates. Without an answer for
 * {@link PROOF_TIMEOUT_MS} it counts as failed. @see RFC 7296 §2.16
 */
export interface EapStepRequest {
  readonly kind: 'eap-step';
  readonly connection: string;
  readonly local: Identity;
  /** The other end's IKE identity. An authenticator's is IDi, which the initiator has only said. */
  readonly remote: Identity;
  readonly role: 'peer' | 'authenticator';
  /** The same in all steps of one conversation, and in `end-eap`. */
  readonly conversation: bigint;
  /** The packet of the other end, whole; `undefined`: begins, as authenticator. */
  readonly packet: Uint8Array | undefined;
  /** Nothing but this conversation proves who the responder is: only a method will do that proves both ends to one another, makes a
   * key, and resists guessing. @see RFC 5998 §4
   */
  readonly isOnlyProof: boolean;
  /** Both sides are proven anew: what is fetched for it might go through the tunnel that waits for it. */
  readonly isReauthentication: boolean;
  /** Of the IKE SA that it is for, by which the events name it when it stands. */
  readonly spis: { readonly initiator: bigint; readonly responder: bigint };
}

/** What comes of a step. What is wrong is never told to the peer, but by the packets of the method. */
export type EapProgress =
  /** The next packet of this end. */
  | { readonly kind: 'continue'; readonly packet: Uint8Array }
  | {
      readonly kind: 'success';
      /** EAP-Success of an authenticator; a peer has nothing to send. */
      readonly packet?: Uint8Array;
      /** Of a method that makes one. */
      readonly msk?: KeyMaterial;
      /** Whether the method has proven both ends to one another. */
      readonly isMutual: boolean;
      /** Whom the method has proven, in UTF-8: of an authenticator. */
      readonly user?: Uint8Array;
    }
  | {
      readonly kind: 'failure';
      /** EAP-Failure of an authenticator. */
      readonly packet?: Uint8Array;
      /** In words, for our side only; begins small, without a full stop: `the password is wrong`. */
      readonly detail: string;
    };

/** How long a {@link SignRequest}, {@link VerifyPeerRequest} or {@link EapStepRequest} may take: the peer waits for it. */
export const PROOF_TIMEOUT_MS: number = 30_000;

/** The AUTH payload of a signature, and the CERT payloads that go with it. */
export interface SignatureProof {
  readonly method: number;
  readonly data: Uint8Array;
  /** The own certificate first. */
  readonly certificates: readonly CertificateData[];
  /** Whether there is another key or algorithm to try when the peer refuses this one. */
  readonly hasMore: boolean;
}

/** Whether a peer is who it says it is. */
export type PeerVerdict =
  | { readonly ok: true }
  /** In words, for our side only; begins small, without a full stop: `its certificate has expired`. */
  | { readonly ok: false; readonly detail: string };

/** The outcome of a {@link Request}; its kind is the request's, or `failed`. */
export type Answer =
  | { readonly kind: 'generate-key'; readonly secret: KeyExchangeSecret }
  | { readonly kind: 'agree-key'; readonly agreement: KeyAgreement }
  | { readonly kind: 'respond-key'; readonly response: KeyResponse }
  | { readonly kind: 'shared-secret'; readonly secret: KeyMaterial | undefined }
  /** Without a proof: why there is none, as a sentence. */
  | { readonly kind: 'sign'; readonly proof: SignatureProof }
  | { readonly kind: 'sign'; readonly proof: undefined; readonly sentence: string }
  | { readonly kind: 'verify-peer'; readonly verdict: PeerVerdict }
  | { readonly kind: 'eap-step'; readonly progress: EapProgress }
  | { readonly kind: 'lease'; readonly lease: Lease | undefined }
  | { readonly kind: 'install-child'; readonly ok: boolean; readonly reason?: string }
  /** `undefined`: none is to be had. */
  | { readonly kind: 'open-scratch-port'; readonly local: Endpoint | undefined }
  /** The work failed for a reason of its own (a worker died, a token was unplugged). */
  | { readonly kind: 'failed'; readonly reason: string };

/** Addresses and servers that a pool gave to a peer. */
export interface Lease {
  readonly addresses: readonly { readonly pool: string; readonly address: IpAddress }[];
  readonly dns: readonly IpAddress[];
  /** Other attributes for the CFG_REPLY, raw. */
  readonly attributes: readonly { readonly type: number; readonly value: Uint8Array }[];
}

/** Between whom a Child SA in transport mode carries packets, as this host sees the two. */
export interface TransportAddresses {
  readonly local: IpAddress;
  readonly remote: IpAddress;
  /** The same two as the peer sees them, where a NAT lies between: its checksums cover these. @see RFC 7296 §2.23.1 */
  readonly atPeer?: { readonly local: IpAddress; readonly remote: IpAddress };
}

/** A negotiated Child SA, ready for the packet engine. */
export interface ChildInstallation {
  readonly sessionId: number;
  /** Identity of this Child SA (one SPI pair); what later outputs and inputs name. */
  readonly childId: number;
  readonly config: ChildConfig;
  readonly limits: ChildLimits;
  readonly connection: string;
  readonly suite: CipherSuite;
  readonly inboundSpi: number;
  readonly outboundSpi: number;
  readonly inboundKeys: { readonly encryption: KeyMaterial; readonly integrity: KeyMaterial };
  readonly outboundKeys: { readonly encryption: KeyMaterial; readonly integrity: KeyMaterial };
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
  readonly mode: ChildMode;
  /** Whether both use extended sequence numbers. @see RFC 4303 §2.2.1 */
  readonly esn: boolean;
  /** Whether the peer takes packets that are padded against traffic analysis. @see RFC 7296 §1.3.1 */
  readonly peerTakesTfc: boolean;
  /** There in transport mode: the addresses of the headers that are rebuilt. */
  readonly transportAddresses?: TransportAddresses;
  readonly path: Path;
  /** Whether outbound traffic may use it at once, or waits for `activate-child`. */
  readonly outboundActive: boolean;
  /** The Child SA that this one takes the place of, by rekey or reauthentication; it stays until its own `remove-child`. */
  readonly replaces?: number;
  /** Virtual addresses and DNS that the peer gave us (initiator), for the TUN device. */
  readonly virtualAddresses: readonly IpAddress[];
  readonly dns: readonly IpAddress[];
}
