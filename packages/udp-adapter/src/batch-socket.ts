import type { Endpoint, PacketBatch, Path } from '@ipsec-kit/ip';
import type { UdpBindError } from './udp-bind-error.ts';

/** How a {@link BatchSocket} is opened. */
export interface BatchSocketOptions {
  /** Where it is bound: an address of this machine, or 0.0.0.0 or `::` for all of a family; port 0 takes a free one. */
  readonly bind: Endpoint;
  /** Asked of the system for each direction; it may give less. Default 4 MiB. */
  readonly bufferBytes?: number;
  /** Lets several sockets share an endpoint, one for each worker. Default false. */
  readonly sharesPort?: boolean;
  /** Sets the DF bit whatever path MTU the system knows (true), or never (false); default: what the system does. */
  readonly dontFragment?: boolean;
  /** Whether the kernel may split and put together; default true. See `udpOffloadFault`. */
  readonly offloads?: boolean;
  /** Whether {@link BatchSocket.takeTooBig} tells what routers say; default false. Then `fd` is shown as broken (POLLERR) until
   * it has been called.
   */
  readonly reportsTooBig?: boolean;
}

/** Something that was sent was too big, as somebody says. */
export interface TooBig {
  /** The largest IP packet that goes through there, in bytes, as it was told: 0 to 2^32 - 1. */
  readonly mtu: number;
  /** `router`: an ICMP error, which anyone may have sent who knows both endpoints; `link`: this host, of the link that the packet
   * was to leave by.
   */
  readonly by: 'router' | 'link';
  /** The first 4 bytes of the datagram, where they were quoted: of ESP the SPI, which only who saw the datagram can know. */
  readonly firstWord?: number;
}

/** Where a packet was to go, and the errno that says why it did not leave. */
export interface RefusedPacket {
  readonly path: Path;
  readonly errno: number;
}

/** What passed one socket, in datagrams. */
export interface BatchSocketCounters {
  received: number;
  /** Larger than the memory for it, or without an address that could be told. */
  receiveDrops: number;
  sent: number;
  /** Refused by the system, or impossible: another family, port 0. */
  refused: number;
}

/** A UDP socket in one thread: many datagrams for each system call, segmented by the kernel where it can, each with both
 * ends of its path. Nothing is allocated for a datagram. Never blocks; wait for `fd` with `poll`.
 */
export interface BatchSocket {
  readonly fd: number;
  /** Where it is bound, with the port that it was given. */
  readonly endpoint: Endpoint;
  /** Whether the kernel splits what is sent, and puts together what is received. */
  readonly offloads: { readonly segment: boolean; readonly coalesce: boolean };
  readonly counters: Readonly<BatchSocketCounters>;
  /** Fills an empty batch with what has come. Each message takes a part of the memory as large as a datagram can be,
   * in which the datagrams of one peer may stand one behind the other: see {@link receiveBatchShape}. Paths and
   * traffic classes are set.
   * @param enough - so many datagrams are enough for now, for whoever has to pass them on bit by bit. The system counts messages
   * and not datagrams, so that more may come; default as many as there is room for.
   * @returns whether more may wait.
   * @throws RangeError when the batch is too small for one message.
   */
  receive(into: PacketBatch, enough?: number): boolean;
  /** Sends the packets `from` to `to - 1` of a batch, each from the local address of its path to the remote end, and
   * with its traffic class; the local port is the socket's own. Packets of one path and one length that follow one
   * another leave in one piece. A local address has to be one of this machine.
   * @returns how many were dealt with, sent or refused; fewer than asked for when the system's buffer is full: the rest
   * may be offered again when `fd` is writable, or dropped.
   * @throws RangeError, with nothing sent, when a packet does not lie inside of the batch's memory.
   */
  send(batch: PacketBatch, from: number, to: number): number;
  /** Sends one packet of a batch with the DF bit, whatever path MTU the system has learnt: to find out whether it comes through.
   * @returns whether it left.
   */
  sendWhole(batch: PacketBatch, index: number): boolean;
  /** Takes what was said about datagrams that were too big, 8 at most. Other ICMP errors are dropped: they prove nothing, and
   * silence is noticed anyway. @see RFC 7296 §2.4 (a peer is not dead because ICMP says so)
   */
  takeTooBig(): readonly TooBig[];
  /** Why the system refused the last datagram that it refused; 0 when it never did. */
  readonly lastErrno: number;
  /** The last packet that the system has refused since the last call: where it was to go, and why not. */
  takeRefused(): RefusedPacket | undefined;
  close(): void;
}

/** A socket is opened, or one sentence and a code say why not. */
export type BatchSocketResult =
  | { readonly ok: true; readonly socket: BatchSocket }
  | { readonly ok: false; readonly error: UdpBindError };

/** Room for the largest datagram, or for what the kernel puts together. */
export const MESSAGE_BYTES = 65536;

/** The most datagrams that the kernel puts together. @see Linux, include/linux/udp.h, UDP_MAX_SEGMENTS */
export const MOST_SEGMENTS = 128;

/** The shape of a batch for {@link BatchSocket.receive}: room for so many messages, and an entry for every datagram. */
export function receiveBatchShape(messages: number): {
  capacity: number;
  slotBytes: number;
  headroom: number;
} {
  return {
    capacity: messages * MOST_SEGMENTS,
    slotBytes: MESSAGE_BYTES / MOST_SEGMENTS,
    headroom: 0,
  };
}
