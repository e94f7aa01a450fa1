import type { PacketBatch } from '@ipsec-kit/ip';
import type { TunCounters } from './tun-adapter.ts';

/** What a TUN device leaves to its reader, and takes from its writer. */
export interface TunOffloads {
  /** Checksums. */
  readonly checksum: boolean;
  /** TCP of up to 64 KiB in one piece. */
  readonly tcp: boolean;
  /** UDP datagrams of one size in one piece (Linux 6.2). */
  readonly udp: boolean;
}

/** One queue of a TUN device in one thread, with the offloads that the device has: one system call brings or takes up to
 * 64 KiB of TCP, which the reader sees as the packets that would be on the wire. Nothing is allocated for a packet.
 * Never blocks; wait for `fd` with `poll`.
 */
export interface TunQueue {
  readonly fd: number;
  readonly name: string;
  readonly offloads: TunOffloads;
  readonly counters: TunCounters;
  /** What the last {@link read} brought: whole IP packets with right checksums, each in a slot with the headroom and
   * tailroom that sealing needs. They may be changed in place; some slots are left free, for fragments.
   */
  readonly packets: PacketBatch;
  /** Fills {@link packets} anew. What a large packet has left over comes first at the next call.
   * @returns whether more may wait: call again before waiting for `fd`.
   */
  read(): boolean;
  /** Writes every packet of a batch; those that the host can take in one piece go so. Their headers may be changed.
   * @returns how many were taken; the rest is counted as dropped.
   * @throws RangeError, with nothing written, when a packet does not lie inside of the batch's memory.
   */
  write(batch: PacketBatch): number;
  /** Why the device refused to be read or written last; 0 when it never did. EBADFD: it is gone. */
  readonly lastErrno: number;
  /** Closes the descriptor; with its last queue a device that was made here goes. */
  close(): void;
}

/** How a queue reads and writes. */
export interface TunQueueOptions {
  /** For people and logs. */
  readonly name: string;
  /** The largest packet that comes out of the queue; default 1500. Larger ones are dropped and counted. */
  readonly mtu?: number;
  /** Most packets in one read; default 128. */
  readonly batchPackets?: number;
  /** Free bytes in front of each packet, at least 10; default 64. */
  readonly headroomBytes?: number;
  /** Free bytes behind each packet; default 128. */
  readonly tailroomBytes?: number;
  /** Another descriptor of the device, for what is written: `TunDevice.writeFd`. Never closed here. Default the one that is read. */
  readonly writeFd?: number;
  /** Leaves the descriptor open on close, for whoever owns it; default false. */
  readonly keepsOpen?: boolean;
}
