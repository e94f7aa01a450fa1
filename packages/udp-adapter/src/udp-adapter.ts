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
  readonly counters: {
    readonly received: number;
    readonly sent: number;
    readonly sendDrops: number;
  };
  close(): Promise<void>;
}
