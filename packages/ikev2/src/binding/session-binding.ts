import type { Instant, Timeless } from '@ipsec-kit/clock';
import type { Path } from '@ipsec-kit/ip';
import type {
  BindingDiscovery,
  BindingInput,
  IntervalSource,
  MappingTracker,
} from '@ipsec-kit/nat-t';

/** A mapping of its own that is left idle and looked at again. */
export interface BindingProbe {
  readonly id: number;
  /** The scratch port was asked for under this number. */
  readonly requestId: number;
  /** From the scratch port to the peer; `undefined` while there is none. */
  path: Path | undefined;
  /** Where the peer saw the scratch port. */
  readonly mapping: MappingTracker;
  stage: 'opening' | 'checking';
  /** When its request of now was wanted. */
  askedAt: Instant;
  /** The request that is out went over another path as well, so its answer may tell of that one. */
  isElsewhere: boolean;
  /** It left a second time: the mapping may have died in between. */
  isRepeated: boolean;
}

/** A fact for the search, without its time. */
export type BindingFact = Timeless<BindingInput>;

/** The search for the lifetime of mappings, as one session performs it. */
export interface SessionBinding {
  readonly discovery: BindingDiscovery;
  /** Where it searches, by name. */
  network: string;
  probe: BindingProbe | undefined;
  /** Probes since the last result. */
  probes: number;
  /** What goes for this network; `undefined` before anything is known of it. */
  interval:
    | {
        readonly keepaliveMs: number;
        readonly lifetimeMs?: number;
        readonly source: IntervalSource;
      }
    | undefined;
  /** What the search is to hear of at the end of this input. */
  readonly facts: BindingFact[];
  /** Keepalives that had been sent when the peer last said where it sees us. */
  keepalivesAtView: number;
}

/** What is known of the NAT mapping of a session. */
export interface BindingStatus {
  /** How long a mapping was seen to live without a packet; absent where nothing was proven. */
  readonly lifetimeMs?: number;
  /** The keepalive interval in use. */
  readonly keepaliveMs: number;
  /** `searching` before there is a result; then where the interval comes from. */
  readonly state: IntervalSource;
}
