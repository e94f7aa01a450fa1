import type { Clock } from '@ipsec-kit/clock';
import type { Endpoint, IpAddress } from '@ipsec-kit/ip';
import type { Datagram } from './datagram.ts';
import type { Middlebox } from './middlebox.ts';
import type { NetworkSegment } from './network-segment.ts';

export interface VirtualNetworkOptions {
  readonly clock: Clock;
  /** Entries that the trace keeps; default 4096. */
  readonly traceEntries?: number;
}

/** What a host needs to be in a network. */
export interface AttachOptions {
  /** For traces; unique in the network. */
  readonly name: string;
  readonly addresses: readonly IpAddress[];
  /** Where it is: default the core of the network; the inside of a NAT is another segment. */
  readonly segment?: NetworkSegment;
  /** What stands between the host and its segment, nearest first. */
  readonly middleboxes?: readonly Middlebox[];
  /** Called for each datagram that arrives; the data belongs to the receiver. */
  receive(datagram: Datagram): void;
}

/** A host's place in a network. */
export interface Attachment {
  readonly name: string;
  /** The addresses that the host has now. */
  readonly addresses: readonly IpAddress[];
  /** Sends one datagram; `data` is copied.
   * @throws RangeError when it is larger than UDP can carry.
   */
  send(from: Endpoint, to: Endpoint, data: Uint8Array): void;
  /** Whether a datagram can leave: the host has that address, and a route. Absent: always. */
  canSend?(from: Endpoint, to: Endpoint): boolean;
  /** What went out of the host and what came to it. */
  readonly counters: Readonly<AttachmentCounters>;
  /** Leaves the network: what is still under way to it is lost. */
  detach(): void;
}

/** Datagrams and bytes of UDP payload of one host. */
export interface AttachmentCounters {
  sentDatagrams: number;
  sentBytes: number;
  receivedDatagrams: number;
  receivedBytes: number;
}

/** What became of all datagrams. */
export interface NetworkCounters {
  sent: number;
  delivered: number;
  lost: number;
  duplicated: number;
  /** Under way now. */
  inFlight: number;
}
