import type { Instant } from '@ipsec-kit/clock';

/** Settings of a path MTU discovery; sizes are those of whole outer IP packets. */
export interface PathMtuOptions {
  /** Family of the outer packets. */
  readonly outerVersion: 4 | 6;
  /** What is expected to work nearly everywhere, and used until more is known; default 1280. */
  readonly baseBytes?: number;
  /** How long a size is used before larger ones are tried again; default 600,000 ms. @see RFC 8899 §5.1.1 */
  readonly raiseMs?: number;
  /** How long a size is used before it is tried again itself; default 60,000 ms. */
  readonly confirmMs?: number;
}

/** What happened on a path, and when. */
export type PathMtuInput = { readonly now: Instant } & (
  | {
      /** The path is new, or another one: nothing is known of it. Packets go through, as an IKE exchange has shown. */
      readonly kind: 'path';
      /** MTU of the link that it begins with. */
      readonly linkMtu: number;
    }
  | /** There is no path, or nobody to answer on it. */ { readonly kind: 'stop' }
  | {
      /** The MTU of the first link has changed, or the kernel has refused a packet: our own host says so, it is believed. */
      readonly kind: 'link';
      readonly linkMtu: number;
    }
  | /** The answer to a probe has come. */ { readonly kind: 'answered'; readonly probeId: number }
  | {
      /** ICMP says that packets are too big. Anyone may have sent it: it decides what is tried next, and nothing else.
       * @see RFC 8899 §4.6
       */
      readonly kind: 'too-big';
      readonly mtu: number;
    }
  | /** Large packets seem to be lost: the flow has gone one-way, say. */ {
      readonly kind: 'suspect';
    }
  | {
      /** Outbound ESP packets in all, probes included; where it is told, an idle path is not probed. */
      readonly kind: 'traffic';
      readonly outPackets: number;
    }
  | { readonly kind: 'timeout' }
);

/** Why a size is used. */
export type PathMtuReason =
  /** What is expected to come through; nothing was found to be too large yet. On a path whose packets are lost anyway this may take
   * long: whoever lets larger ones through may go on with it, but for what must arrive.
   */
  | 'base'
  /** The search goes on. */
  | 'searching'
  /** The largest one that comes through, to 8 bytes. */
  | 'found'
  /** What came through before does so no more, and smaller packets do: a black hole. */
  | 'lost'
  /** The first link carries no more. */
  | 'link';

/** What a discovery asks for. */
export type PathMtuOutput =
  | {
      /** Send something that the peer answers, through the tunnel, in an outer packet of this size with DF. */
      readonly kind: 'probe';
      /** 1 to 65535, and then 1 again: the `sequence` of a `PathProbe`. */
      readonly probeId: number;
      readonly bytes: number;
    }
  | {
      /** Packets may be this large from now on: what follows from it are the inner MTU of the pairs on this path
       * (`innerMtuOfPath`) and the largest IKE fragment.
       */
      readonly kind: 'path-mtu';
      readonly bytes: number;
      readonly reason: PathMtuReason;
    }
  | {
      /** No probe of any size is answered any more: the path is down, or whoever answered has gone. Nothing is known of sizes
       * then, and what is used stays. @see RFC 8899 §3, requirement 7
       */
      readonly kind: 'silent';
    };
