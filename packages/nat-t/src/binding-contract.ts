import type { Instant } from '@ipsec-kit/clock';

/** Settings of a {@link BindingDiscovery}; all have defaults. */
export interface BindingDiscoveryOptions {
  /** Shortest interval that is ever chosen; default 10 000 ms, which works practically everywhere. */
  readonly floorMs?: number;
  /** First idle time that is tried; default 15 000 ms. */
  readonly firstMs?: number;
  /** Longest one; default 480 000 ms: no interval above six minutes is worth the search. */
  readonly mostMs?: number;
  /** Probes at most, those without an answer included; default 12. */
  readonly mostProbes?: number;
  /** Time at most; default 45 minutes. */
  readonly mostMinutes?: number;
  /** Interval where nothing could be proven; default 20 000 ms. */
  readonly unprovenMs?: number;
}

/** How a probe came out.
 * - `alive`: a packet of the server's own came in through the mapping.
 * - `dead`: it did not, or the server now sees another address or port.
 * - `same-view`: the server sees the same address and port as before. A NAT that gives the same port again looks like this
 *   when the mapping is gone, so it counts as life only where such a view was seen to change.
 * - `unanswered`: nothing came back at all; proves nothing.
 */
export type ProbeOutcome = 'alive' | 'dead' | 'same-view' | 'unanswered';

/** What happened to a discovery of the lifetime of a NAT mapping, and when. */
export type BindingInput = { readonly now: Instant } & (
  | {
      /** A session stands in this network, behind a NAT. What is remembered is used; otherwise the search begins. */
      readonly kind: 'network';
      readonly network: string;
    }
  | /** There is no NAT to measure, or no session. */ { readonly kind: 'stop' }
  | {
      /** The mapping of the probe stands: the server has answered on it. */
      readonly kind: 'probe-opened';
      readonly probeId: number;
    }
  | {
      readonly kind: 'probe-result';
      readonly probeId: number;
      readonly outcome: ProbeOutcome;
    }
  | {
      /** The mapping in use was gone although keepalives kept the interval: a detection said `changed`, say. */
      readonly kind: 'miss';
    }
  | { readonly kind: 'timeout' }
);

/** Why an interval is used. */
export type IntervalSource = 'remembered' | 'searching' | 'found' | 'unproven' | 'missed';

/** What a discovery asks for: probes on mappings of their own, and the interval of keepalives to use. */
export type BindingOutput =
  | {
      /** Open a fresh mapping (a scratch port to the same server), have the server answer, say `probe-opened`. */
      readonly kind: 'open-probe';
      readonly probeId: number;
    }
  | /** See whether the mapping is still there, say `probe-result`. */ {
      readonly kind: 'check-probe';
      readonly probeId: number;
    }
  | /** The scratch port is not needed any more. */ {
      readonly kind: 'close-probe';
      readonly probeId: number;
    }
  | {
      /** Use this interval from now on; goes to a LivenessPolicy as `binding`. */
      readonly kind: 'interval';
      readonly keepaliveMs: number;
      /** How long a mapping was seen to live. */
      readonly lifetimeMs?: number;
      readonly source: IntervalSource;
    };
