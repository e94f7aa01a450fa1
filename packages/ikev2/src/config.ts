import type { Identity, IdentityPattern } from '@ipsec-kit/auth';
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

/** What one Child SA protects, and how. */
export interface ChildConfig {
  readonly name: string;
  readonly proposals: readonly ConfiguredProposal[];
  readonly localSelectors: readonly ConfiguredSelector[];
  readonly remoteSelectors: readonly ConfiguredSelector[];
  readonly replayWindowPackets: number;
  readonly hardLifetimeMs?: number;
  readonly hardBytes?: number;
  readonly hardPackets?: number;
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
  readonly children: readonly ChildConfig[];
  /** Virtual addresses to ask for as initiator; the unspecified address asks for any of its family. */
  readonly virtualAddresses: readonly IpAddress[];
  /** Names of the pools that serve this connection's peers, as responder. */
  readonly pools: readonly string[];
  /** `yes` and `force` split large messages, `accept` only takes fragments, `no` does not announce RFC 7383. */
  readonly fragmentation: 'yes' | 'accept' | 'force' | 'no';
  /** Whether MOBIKE is announced, as responder, to a peer that announces it. */
  readonly mobike: boolean;
  /** 0 sends none. */
  readonly dpdDelayMs: number;
  /** How often the first exchanges are begun anew when the peer does not answer, the first time included; 0 is for ever. */
  readonly keyingTries: number;
  readonly sendInitialContact: boolean;
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
  /** Sends keepalives where no NAT is seen as well: stateful firewalls need them too. */
  readonly keepAliveForced: boolean;
}
