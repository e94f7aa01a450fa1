import type { Endpoint, PacketBatch } from '@ipsec-kit/ip';

/** UDP in batches. Every received datagram carries its packed path, so that an answer leaves from where it was asked. */
export interface UdpAdapter {
  /** The addresses and ports that are bound now. */
  readonly endpoints: readonly Endpoint[];
  /** Called with datagrams as they come; the batch is reused when the handler returns. */
  onDatagrams(handler: (batch: PacketBatch) => void): void;
  /** Called for errors that end or degrade the adapter; one sentence. */
  onError(handler: (error: Error) => void): void;
  /** Sends every packet of the batch from the local to the remote end of its path. Copies what it cannot send at once.
   * @returns how many were taken; the rest is dropped and counted, as a full link would.
   */
  send(batch: PacketBatch): number;
  /** A single datagram: for the control plane. */
  sendOne(datagram: Uint8Array, local: Endpoint, remote: Endpoint): void;
  /** Called when the system refuses a datagram of {@link sendOne}, at once or shortly after. Absent: it is counted only. */
  onRefused?(handler: (refused: RefusedDatagram) => void): void;
  /** The last datagram that the system has refused since the last call, of {@link send} too: for whoever looks now and then, since
   * while a path leads nowhere that is every packet. Absent: they are counted only.
   */
  takeRefused?(): RefusedDatagram | undefined;
  readonly counters: UdpCounters;
  close(): Promise<void>;
}

/** A datagram that the system refused to send, and why. */
export interface RefusedDatagram {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** As the system names it: `EHOSTUNREACH`. */
  readonly code: string;
}

/** Datagrams since the adapter was made. */
export interface UdpCounters {
  readonly received: number;
  /** Datagrams that came and were dropped here: larger than a slot of the batch, or nobody listened. */
  readonly receiveDrops: number;
  readonly sent: number;
  /** Datagrams that were not sent: no socket for their local end, a full queue, or refused by the system. */
  readonly sendDrops: number;
}

/** The memory in which datagrams are handed over. */
export interface ReceiveBatchOptions {
  /** Most datagrams handed over at once; default 64. */
  readonly capacity?: number;
  /** Free bytes in front of each datagram; default 64. */
  readonly headroomBytes?: number;
  /** The largest datagram that is received; larger ones are dropped and counted. Default 16384:
   * RFC 7296 §2 asks for 3000, long certificate chains and post-quantum keys take more.
   */
  readonly datagramBytes?: number;
}

/** Asked of the system for each direction of each socket. */
export const DEFAULT_SOCKET_BUFFER_BYTES: number = 4 * 1024 * 1024;
