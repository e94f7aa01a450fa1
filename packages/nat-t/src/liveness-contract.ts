import type { Instant, WakeClass } from '@ipsec-kit/clock';
import type { MappingVerdict } from './mapping-tracker.ts';
import type { TrafficStamps } from './traffic-stamps.ts';

/** Settings of a {@link LivenessPolicy}; all have defaults. */
export interface LivenessOptions {
  /** Silence outbound after which a keepalive goes out, 1 s to 3600 s; 0 turns keepalives off. Default 20 000 ms (RFC 3948 §4). */
  readonly keepaliveMs?: number;
  /** Silence beyond that from which the mapping is in doubt, so that a DPD asks instead; 0 turns that off. Default 20 000 ms. */
  readonly dpdMarginMs?: number;
  /** `behind-nat`: only when the local end is; `always`: stateful firewalls and IPv6 need them, too. Default `behind-nat`. */
  readonly keepaliveWhen?: 'behind-nat' | 'always';
  /** What a keepalive is: a 0xFF, which tells the peer nothing; an ESP packet of next header 59, or a DPD, which are
   * authenticated and so let a peer without NAT follow a new mapping (RFC 7296 §2.23). Default `byte`.
   */
  readonly keepaliveKind?: 'byte' | 'esp' | 'dpd';
  /** Silence inbound after which the peer is asked whether it lives; 0, the default, never asks. */
  readonly dpdDelayMs?: number;
  /** An UPDATE_SA_ADDRESSES at every connectivity event, instead of a DPD that asks first. Default false. */
  readonly updateOnConnectivity?: boolean;
  /** Whether keepalives and DPDs deserve to wake the device. Default `device` for both. */
  readonly keepaliveWake?: WakeClass;
  readonly dpdWake?: WakeClass;
}

/** A fact about the session, with the time at which it is told. */
export type LivenessInput = { readonly now: Instant } & (
  | {
      /** Packets came and went: each time, or as a sample of counters before every timeout. */
      readonly kind: 'traffic';
      readonly stamps: TrafficStamps;
      /** ESP packets that went out so far, in all. */
      readonly espPacketsOut?: number;
    }
  | { readonly kind: 'timeout' }
  | {
      /** The program slept: the event of the clock, or whatever else tells (a resume, SIGCONT). */
      readonly kind: 'slept';
      readonly sleptMs: number;
    }
  | /** The network changed, and the path stays the same. */ { readonly kind: 'connectivity' }
  | {
      /** What is known of the path: at establishment, after a move, when a detection finds another state of things. */
      readonly kind: 'path';
      readonly behindNat: boolean;
      /** Whether DPDs can carry NAT detection: both peers have MOBIKE and NAT traversal, and this one may update addresses, as the
       * initiator of the IKE SA (RFC 4555 §3.5, §3.8).
       */
      readonly canDetect: boolean;
    }
  | /** The IKE SA has new SPIs, so that known hashes compare with nothing. */ {
      readonly kind: 'rekeyed';
    }
  | /** A request of our own is outstanding. */ { readonly kind: 'exchange-started' }
  | {
      /** It is not any more. */
      readonly kind: 'exchange-ended';
      /** What the NAT detection of its response says, if it carried one. */
      readonly verdict?: MappingVerdict;
      readonly roundTripMs?: number;
    }
  | {
      /** What discovery found. @see BindingDiscovery */
      readonly kind: 'binding';
      readonly keepaliveMs: number;
      /** How long the mapping lives at least, if that is known. */
      readonly lifetimeMs?: number;
    }
);

/** Why a DPD goes out. */
export type DpdReason =
  | /** The keepalive would come too late. */ 'late'
  | /** The device slept longer than a mapping may live. */ 'slept'
  | /** Packets go out and none comes back. */ 'one-way'
  | 'connectivity'
  | /** There is nothing yet to compare later detections with. */ 'baseline'
  | /** The peer has not been heard for the delay. */ 'idle'
  | /** A DPD is what keepalives are made of here. */ 'keepalive';

/** What to do now. */
export type LivenessAction =
  | /** Send 0xFF; counts as sent. */ { readonly kind: 'keepalive' }
  | {
      /** Send an ESP packet of next header 59 on a Child SA that exists, or 0xFF where there is none; counts as sent. It must
       * neither create nor rekey an SA.
       */
      readonly kind: 'esp-keepalive';
    }
  | {
      /** Send an INFORMATIONAL request. */
      readonly kind: 'dpd';
      /** With NAT_DETECTION_*_IP, whose answer goes to a MappingTracker. */
      readonly natDetection: boolean;
      readonly reason: DpdReason;
    }
  | {
      /** Send UPDATE_SA_ADDRESSES with COOKIE2 and NAT detection; the answer is the new baseline. @see RFC 4555 §3.5, §3.8 */
      readonly kind: 'update-addresses';
      readonly reason: 'mapping-changed' | 'mapping-unknown' | 'connectivity';
    };

/** What keeping the path alive has cost. */
export interface LivenessCounters {
  readonly keepalives: number;
  readonly updates: number;
  readonly dpds: Readonly<Record<DpdReason, number>>;
}
