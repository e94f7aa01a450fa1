/** The keys of `charon { ... }` that matter here, with strongSwan's defaults. */
export interface SettingsOptions {
  readonly port?: number;
  readonly portNatT?: number;
  readonly keepAliveMs?: number;
  /** Default 20 s, where strongSwan has 0 (off): after a sleep a lone 0xFF byte tells the peer nothing. */
  readonly keepAliveDpdMarginMs?: number;
  /** Keepalives also where no NAT was seen: for stateful firewalls. Not in strongSwan. */
  readonly keepAliveForced?: boolean;
  /** Whether addresses that come and go, and changes of network, are followed, by clients and servers; default true. Without it one stays on the
   * addresses that it began with. Linux only. Not in strongSwan. */
  readonly networkMonitor?: boolean;
  /** The prefix under which the NAT64 of a network with IPv6 alone reaches servers with IPv4 alone: `64:ff9b::/96`; or `discover`, the
   * default: where this host has no IPv4 address it is looked for in DNS (RFC 7050); or `none`. Of clients. Not in strongSwan.
   */
  readonly nat64Prefix?: string;
  /** Threads that carry packets, each with a queue of the device and sockets of its own, where there are such (`packetPath`): for servers of
   * many peers, since an SA belongs to one of them. 1 to 16, default 1. Not in strongSwan.
   */
  readonly workers?: number;
  readonly retransmitTimeoutMs?: number;
  readonly retransmitBase?: number;
  readonly retransmitTries?: number;
  readonly retransmitLimitMs?: number;
  readonly retransmitJitterPercent?: number;
  readonly fragmentSize?: number;
  readonly cookieThreshold?: number;
  readonly cookieThresholdIp?: number;
  readonly blockThreshold?: number;
  readonly initLimitHalfOpen?: number;
  readonly halfOpenTimeoutMs?: number;
  /** IKE SAs in all above which new ones are refused; 0 and absent are 10000. */
  readonly ikesaLimit?: number;
  /** Whether a reauthentication opens the new IKE SA before it ends the old one; default false. */
  readonly makeBeforeBreak?: boolean;
}
