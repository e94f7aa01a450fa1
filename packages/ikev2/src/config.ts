import type { Identity, IdentityPattern } from '@ipsec-kit/auth';
import type { KeyMaterial } from '@ipsec-kit/crypto';
import type { Transform } from '@ipsec-kit/ikev2-codec';
import type { IpAddress, Prefix, TrafficSelector } from '@ipsec-kit/ip';

export type { IdentityPattern } from '@ipsec-kit/auth';

/** One proposal of a configuration; number and SPI are filled in when it is sent. */
export interface ConfiguredProposal {
  readonly transforms: readonly Transform[];
}

/** A traffic selector of a configuration; `dynamic` stands for the (virtual) address of its side. */
export type ConfiguredSelector =
  | {
      readonly kind: 'dynamic';
      readonly protocol: number;
      readonly startPort: number;
      readonly endPort: number;
    }
  | { readonly kind: 'fixed'; readonly selector: TrafficSelector };

/** @see RFC 4301 §4.1 */
export type ChildMode = 'tunnel' | 'transport';

/** What one Child SA protects, and how. */
export interface ChildConfig {
  readonly name: string;
  readonly proposals: readonly ConfiguredProposal[];
  readonly localSelectors: readonly ConfiguredSelector[];
  readonly remoteSelectors: readonly ConfiguredSelector[];
  /** Transport is between the two hosts themselves, without an IP header inside, where both sides want it and the
   * selectors cover the outer addresses; otherwise it is a tunnel. Default tunnel. @see RFC 7296 §1.3.1
   */
  readonly mode?: ChildMode;
  readonly replayWindowPackets: number;
  /** Least size of inner packets, padding included, in tunnel mode and where the peer takes it; absent or 0: no padding, and a
   * number above what fits stands for that. @see RFC 4303 §2.7
   */
  readonly tfcPaddingBytes?: number;
  /** Whether the outer header shows the DSCP of the packet inside; default true. @see RFC 4301 §5.1.2 */
  readonly copyDscp?: boolean;
  /** Soft lifetime: the Child SA is replaced when it is over; absent or 0: not by time. */
  readonly rekeyMs?: number;
  /** Most that is subtracted from `rekeyMs` at random, so that both sides rarely begin at once. */
  readonly rekeyJitterMs?: number;
  /** Soft limits of either direction; the packet path counts and tells by `child-limit`. */
  readonly rekeyBytes?: number;
  readonly rekeyPackets?: number;
  /** Most that is subtracted from them at random. */
  readonly rekeyJitterBytes?: number;
  readonly rekeyJitterPackets?: number;
  /** Hard limits: the Child SA ends, replaced or not. */
  readonly hardLifetimeMs?: number;
  readonly hardBytes?: number;
  readonly hardPackets?: number;
}

/** What to do with a Child SA that the peer closed, or whose peer died: forget it, wait for traffic, or begin anew. */
export type LossAction = 'none' | 'trap' | 'start';

/** How many IKE SAs a pair of identities may have, as the later one to authenticate is judged:
 * `never` does not look, nor heeds INITIAL_CONTACT; `no` replaces only on INITIAL_CONTACT; `keep` refuses the new one;
 * `replace` ends the old one.
 */
export type UniquePolicy = 'never' | 'no' | 'keep' | 'replace';

/** Whether an IKE SA may stand without a Child SA: as initiator begin so (`prefer` where the peer can, `force` always),
 * as responder allow it. @see RFC 6023
 */
export type ChildlessPolicy = 'allow' | 'prefer' | 'force' | 'never';

/** How this side proves who it is: with the secret that both sides share, with a private key that the driver signs with, or by EAP.
 * An initiator by EAP is its peer; a responder by EAP leaves its own AUTH to the key of the method (EAP-only), which it does only
 * towards an initiator that wants that, and proves itself by EAP. @see RFC 7296 §2.16, RFC 5998
 */
export type LocalAuthentication =
  | { readonly kind: 'psk' }
  | { readonly kind: 'signature' }
  | { readonly kind: 'eap' };

/** A certificate, or the authorities that one is to come from, as CERT and CERTREQ payloads carry them. @see RFC 7296 §3.6, §3.7 */
export interface CertificateData {
  readonly encoding: number;
  readonly data: Uint8Array;
}

/** How the peer has to prove who it is. */
export type RemoteAuthentication =
  | { readonly kind: 'psk' }
  | {
      readonly kind: 'signature';
      /** What CERTREQ payloads ask the peer for; none where its key is known without. */
      readonly certificateRequests: readonly CertificateData[];
    }
  | {
      /** As responder: EAP, of which the driver is the authenticator. As initiator by EAP: nothing but that (EAP-only). */
      readonly kind: 'eap';
      /** What the driver calls the methods that it takes: connections with other ones are not taken for one another. */
      readonly methods?: string;
      /** Whom the method has to prove an initiator to be; absent: whom IDi names. It chooses among connections that are alike otherwise. */
      readonly identity?: IdentityPattern;
    };

/** How a name of a post-quantum pre-shared key is marked: a fixed string, or one whose meaning only the two ends know. @see RFC 8784 §5.1 */
export type PpkIdType = 'fixed' | 'opaque';

/** A post-quantum pre-shared key, and the name that both sides have for it. @see RFC 8784 §5.1 */
export interface Ppk {
  /** 1 to 1023 bytes. */
  readonly id: Uint8Array;
  /** 32 bytes of true randomness at least, for 128 bits of security against quantum computers. It stays as it is. @see RFC 8784 §6 */
  readonly key: KeyMaterial;
}

/** Which post-quantum pre-shared keys a connection uses. @see RFC 8784 §2 */
export interface PpkConfig {
  /** Whether no IKE SA stands without one. */
  readonly required: boolean;
  /** As initiator, the key to use; absent, none is offered. As responder, the only one that is taken. */
  readonly own?: Ppk & { readonly idType: PpkIdType };
  /** As responder, the keys that a peer may name. */
  readonly keys: readonly Ppk[];
}

/** A connection: whom we talk to, how each side proves who it is, and what is protected. */
export interface ConnectionConfig {
  readonly name: string;
  /** Addresses that this side may have; empty is any. */
  readonly localAddresses: readonly Prefix[];
  /** Addresses that the peer may have; empty is any. */
  readonly remoteAddresses: readonly Prefix[];
  readonly proposals: readonly ConfiguredProposal[];
  /** Own identity; absent: the own address. */
  readonly localIdentity?: Identity;
  readonly remoteIdentity: IdentityPattern;
  /** Default: a pre-shared key. */
  readonly localAuthentication?: LocalAuthentication;
  /** Default: a pre-shared key. */
  readonly remoteAuthentication?: RemoteAuthentication;
  /** Hashes that signatures of the peer may have, best first, for SIGNATURE_HASH_ALGORITHMS; absent: it is not sent, so that
   * the authentication methods of before RFC 7427 remain. @see RFC 7427 §4
   */
  readonly signatureHashes?: readonly number[];
  /** Absent: there are none, and none are announced. */
  readonly ppk?: PpkConfig;
  readonly children: readonly ChildConfig[];
  /** Virtual addresses to ask for as initiator; the unspecified address asks for any of its family. */
  readonly virtualAddresses: readonly IpAddress[];
  /** Names of the pools that serve this connection's peers, as responder. */
  readonly pools: readonly string[];
  /** `yes` and `force` split large messages, `accept` only takes fragments, `no` does not announce RFC 7383. */
  readonly fragmentation: 'yes' | 'accept' | 'force' | 'no';
  /** Whether MOBIKE is announced: as initiator always, as responder to a peer that announces it. @see RFC 4555 */
  readonly mobike: boolean;
  /** 0 sends none. */
  readonly dpdDelayMs: number;
  /** What a keepalive is: 0xFF, or what is authenticated and so tells the peer about a new mapping: an ESP packet of next header
   * 59, or a DPD. Default `byte`.
   */
  readonly keepaliveKind?: 'byte' | 'esp' | 'dpd';
  /** Whether the peer is told where we are (UPDATE_SA_ADDRESSES) whenever the network changes, although our address does not;
   * default false: it is asked first.
   */
  readonly updateOnConnectivity?: boolean;
  /** Whether the lifetime of NAT mappings is measured, as initiator, and keepalives go by it; default false. */
  readonly bindingDiscovery?: boolean;
  /** Whether Child SAs follow a peer that moved only once it has shown that it receives there; default true. @see RFC 4555 §3.7 */
  readonly peerPathCheck?: boolean;
  /** As responder that moves: back to the address before, or not, when nobody hears it at the new one; default `return`. */
  readonly ifUnheard?: 'return' | 'stay';
  /** How often the first exchanges are begun anew when the peer does not answer, the first time included; 0 is for ever. */
  readonly keyingTries: number;
  readonly sendInitialContact: boolean;
  /** Soft lifetime of the IKE SA: it is rekeyed when it is over; absent or 0: not by time. */
  readonly rekeyMs?: number;
  /** Most that is subtracted from `rekeyMs` and `reauthMs` at random. */
  readonly rekeyJitterMs?: number;
  /** When both sides prove anew who they are; absent or 0: never. */
  readonly reauthMs?: number;
  /** How long after `rekeyMs` or `reauthMs` the IKE SA ends when no replacement came; absent: a tenth of the shorter. */
  readonly overMs?: number;
  /** Default `no`. */
  readonly unique?: UniquePolicy;
  /** Default `allow`. */
  readonly childless?: ChildlessPolicy;
  /** Whether a reauthentication opens the new IKE SA before it ends the old one; default false. */
  readonly makeBeforeBreak?: boolean;
  /** What becomes of the Child SAs of a peer that stopped answering; default `none`. */
  readonly dpdAction?: LossAction;
  /** What becomes of a Child SA that the peer closed, and of what the peer opened and lets run past its end; default `none`. */
  readonly closeAction?: LossAction;
  /** How long a session waits for the peer that has deleted its IKE SA to open another, where `closeAction` is `none` and the peer
   * can; absent or 0: it ends at once.
   */
  readonly peerReopensMs?: number;
  /** How long an established IKE SA waits for an answer before its peer counts as dead; absent: as the retransmissions say. */
  readonly dpdTimeoutMs?: number;
}

/** Settings of the whole endpoint: the `charon { ... }` keys. */
export interface EndpointSettings {
  /** Retransmission of requests: base x factor^n with a cap and jitter, `tries` retransmissions. */
  readonly retransmit: {
    readonly timeoutMs: number;
    readonly base: number;
    readonly tries: number;
    /** 0 is no cap. */
    readonly limitMs: number;
    /** 0-1: the share of the interval that is subtracted at random. */
    readonly jitter: number;
  };
  /** 0 sends no keepalives. */
  readonly keepaliveMs: number;
  readonly keepaliveDpdMarginMs: number;
  /** Largest IP packet that carries a fragment; 0 takes 1280. */
  readonly fragmentBytes: number;
  /** Half-open IKE SAs (all; from one address) above which cookies are asked for. */
  readonly cookieThreshold: number;
  readonly cookieThresholdPerAddress: number;
  /** Half-open IKE SAs from one address above which IKE_SA_INIT is dropped, and in all. */
  readonly blockThreshold: number;
  readonly initLimitHalfOpen: number;
  readonly halfOpenTimeoutMs: number;
  /** IKE SAs in all above which IKE_SA_INIT is dropped. */
  readonly maxSessions: number;
  /** Most Child SAs of one IKE SA; further ones are answered with NO_ADDITIONAL_SAS. Default 64. */
  readonly maxChildren?: number;
  /** Sends keepalives where no NAT is seen as well: stateful firewalls need them too. */
  readonly keepAliveForced: boolean;
}
