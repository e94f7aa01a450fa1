import type { Deadline, Instant } from '@ipsec-kit/clock';
import type { Endpoint, IpAddress, Path, Prefix, TrafficSelector } from '@ipsec-kit/ip';
import type { Answer, Lease, Request } from './endpoint-work.ts';
import type { SessionEvent } from './events.ts';

/** Session ids from here on are given by the endpoint, to sessions that a peer opened. */
export const FIRST_RESPONDER_SESSION_ID: number = 1_000_000;

/** What goes into the endpoint. Every input carries the time. */
export type EndpointInput =
  | {
      readonly kind: 'datagram';
      readonly now: Instant;
      readonly path: Path;
      /** From the IKE header on: the non-ESP marker is already gone. Copied when kept. */
      readonly data: Uint8Array;
      /** Whether it came with a non-ESP marker (port 4500 framing). */
      readonly marker: boolean;
    }
  | { readonly kind: 'timeout'; readonly now: Instant }
  | {
      readonly kind: 'answer';
      readonly now: Instant;
      readonly requestId: number;
      readonly answer: Answer;
    }
  | { readonly kind: 'command'; readonly now: Instant; readonly command: Command }
  /** What the packet path saw: a sample before every timeout and, where it can tell, at the first outbound packet after a
   * second of silence. Child SAs that saw nothing new may be left out.
   */
  | { readonly kind: 'traffic'; readonly now: Instant; readonly children: readonly ChildTraffic[] }
  /** The program has not run for a while: the device slept, or the process was stopped. Given before the timeouts of that wake. */
  | { readonly kind: 'slept'; readonly now: Instant; readonly sleptMs: number }
  /** Something about the network changed, and our addresses did not. */
  | { readonly kind: 'connectivity'; readonly now: Instant }
  /** All own addresses that can be used, in order of preference: at the start and at each change. */
  | {
      readonly kind: 'local-addresses';
      readonly now: Instant;
      readonly addresses: readonly IpAddress[];
      /** Where this network has a NAT64: IPv4 hosts are reached under it. @see RFC 6052 §2 */
      readonly nat64Prefix?: Prefix;
    }
  /** The system refused to send over this path, whatever it was, since it does not lead anywhere now: EHOSTUNREACH,
   * ENETUNREACH, ENETDOWN, EADDRNOTAVAIL. An initiator with MOBIKE goes on over the next pair of addresses without waiting for the
   * retransmission. To be told of each message, and of ESP now and then; it is bounded here.
   */
  | { readonly kind: 'send-failed'; readonly now: Instant; readonly path: Path }
  /** A 0xFF came in. It proves nothing, but says where a NAT maps that peer: a responder that moves tries that. */
  | { readonly kind: 'keepalive-received'; readonly now: Instant; readonly path: Path }
  /** Which network this is, as far as it can be told from others: what is known of its NAT goes by that name. */
  | { readonly kind: 'network'; readonly now: Instant; readonly networkKey: string | undefined }
  /** The packet path saw an authenticated ESP packet, the newest of its SA, come from another path.
   * Only when this host is not behind a NAT the session follows it: to another port at once, to another address when the peer has
   * answered there. @see RFC 7296 §2.23, RFC 4555 §3.8
   */
  | {
      readonly kind: 'peer-moved';
      readonly now: Instant;
      readonly childId: number;
      readonly path: Path;
      /** ESP bytes that came from there since this was told last: no more goes there before the peer has answered. */
      readonly bytes: number;
    }
  /** The first authenticated ESP packet of a Child SA has come: the peer uses it, so may we. @see RFC 7296 §2.8 */
  | { readonly kind: 'child-first-inbound'; readonly now: Instant; readonly childId: number }
  /** A Child SA has reached a limit of bytes or packets: `soft` replaces it, `hard` ends it. */
  | {
      readonly kind: 'child-limit';
      readonly now: Instant;
      readonly childId: number;
      readonly limit: 'soft' | 'hard';
    };

/** Both ends of a packet that found no SA, each as a selector of one address and one port.
 * @see RFC 7296 §2.9 (the first selectors of an offer)
 */
export interface PacketSelectors {
  readonly local: TrafficSelector;
  readonly remote: TrafficSelector;
}

/** What the packet path saw of one Child SA. */
export interface ChildTraffic {
  readonly childId: number;
  /** ESP packets that went out so far, in all. */
  readonly packetsOut: number;
  /** When the last authenticated packet came, and when the last one left; absent before the first. */
  readonly lastInboundAt?: Instant;
  readonly lastOutboundAt?: Instant;
}

/** What the driver wants of the endpoint. A command for a session that has ended does nothing, since the two may cross. */
export type Command =
  /** Opens an IKE SA and its first child over `path`. `sessionId` is chosen by the caller, unique,
   * and below {@link FIRST_RESPONDER_SESSION_ID}: ids from there on name sessions that a peer opened.
   */
  | {
      readonly kind: 'initiate';
      readonly sessionId: number;
      readonly connection: string;
      /** Name of the child to open; absent: the first of the connection. */
      readonly child?: string;
      /** The packet that wants the child: its two ends go first in the offer. @see RFC 7296 §2.9 */
      readonly packet?: PacketSelectors;
      /** Virtual addresses to ask for; absent: those of the connection. */
      readonly virtualAddresses?: readonly IpAddress[];
      readonly path: Path;
      /** Framing of the first exchange: false on port 500, true where the peer listens on 4500 only. */
      readonly marker: boolean;
      /** Where to go on after IKE_SA_INIT when a NAT is seen or encapsulation is forced; absent stays on `path`. */
      readonly floatTo?: Path;
    }
  /** One DPD now: an empty INFORMATIONAL request (with NAT detection). */
  | { readonly kind: 'check-liveness'; readonly sessionId: number }
  /** Graceful end with DELETE; without an answer it ends after the retransmissions, or at `giveUpAt`. */
  | { readonly kind: 'close'; readonly sessionId: number; readonly giveUpAt?: Instant }
  /** The packet path saw a sequence number near its end or a hard lifetime: ends the child with DELETE. */
  | {
      readonly kind: 'close-child';
      readonly sessionId: number;
      readonly childId: number;
      readonly reason: string;
    }
  /** Goes to another address of ours, or without one to the best: as responder by asking the peer to follow, as initiator by telling
   * it, also where that is the path in use. `isOldGone`: packets can no longer leave from the one in use.
   * @see RFC 4555 §3.5, §3.6
   */
  | {
      readonly kind: 'move';
      readonly sessionId: number;
      readonly to?: IpAddress;
      readonly isOldGone?: boolean;
    }
  /** The path carries outer packets of this size: IKE messages are split so that they fit, where `fragmentBytes` is larger. It is
   * forgotten with the IKE SA that a reauthentication replaces. @see RFC 7383 §2.5.1
   */
  | { readonly kind: 'path-mtu'; readonly sessionId: number; readonly bytes: number }
  /** Replaces the IKE SA now: new SPIs and keys, message ids from 0; session, lease and children stay. @see RFC 7296 §1.3.2 */
  | { readonly kind: 'rekey-ike'; readonly sessionId: number }
  /** Replaces a Child SA now. @see RFC 7296 §1.3.3 */
  | { readonly kind: 'rekey-child'; readonly sessionId: number; readonly childId: number }
  /** Opens a further Child SA, by the name of its configuration. @see RFC 7296 §1.3.1 */
  | {
      readonly kind: 'create-child';
      readonly sessionId: number;
      readonly child: string;
      readonly packet?: PacketSelectors;
    }
  /** Proves anew who both sides are, in a new IKE SA that takes the place of this one. @see RFC 7296 §2.8.3 */
  | { readonly kind: 'reauthenticate'; readonly sessionId: number };

/** What comes out, to be performed strictly in order. */
export type EndpointOutput =
  | {
      readonly kind: 'send';
      readonly path: Path;
      readonly data: Uint8Array;
      readonly marker: boolean;
    }
  /** 0xFF to keep a NAT mapping; never marked. @see RFC 3948 §2.3 */
  | { readonly kind: 'send-keepalive'; readonly path: Path }
  /** An ESP packet of next header 59 on a Child SA that stands: tells the peer about a new mapping. It creates and rekeys
   * nothing. @see RFC 4303 §2.6
   */
  | { readonly kind: 'send-esp-keepalive'; readonly childId: number }
  /** A scratch port that `open-scratch-port` gave is not needed any more. */
  | { readonly kind: 'close-scratch-port'; readonly local: Endpoint }
  /** The driver does the work and feeds back an `answer` with the same id; what follows in this list waits for it only when `blocking`. */
  | {
      readonly kind: 'request';
      readonly requestId: number;
      readonly blocking: boolean;
      readonly request: Request;
    }
  | { readonly kind: 'remove-child'; readonly childId: number }
  | { readonly kind: 'move-child'; readonly childId: number; readonly path: Path }
  | { readonly kind: 'activate-child'; readonly childId: number }
  /** It has been replaced and deleted: it receives until `remove-child`, and never sends again, whatever becomes of what has
   * replaced it. @see RFC 7296 §2.8
   */
  | { readonly kind: 'deactivate-child'; readonly childId: number }
  /** An SPI of ours that a message has promised before its Child SA can be installed: packets for it are kept, bounded,
   * until `install-child` or `release-spi`.
   */
  | { readonly kind: 'reserve-spi'; readonly spi: number }
  | { readonly kind: 'release-spi'; readonly spi: number }
  | { readonly kind: 'release-lease'; readonly lease: Lease }
  /** A conversation that was neither successful nor failed goes on no more. */
  | { readonly kind: 'end-eap'; readonly conversation: bigint }
  | { readonly kind: 'event'; readonly event: SessionEvent };

/** A deadline of the endpoint, and the session that it belongs to. */
export interface EndpointDeadline extends Deadline {
  readonly sessionId?: number;
}
