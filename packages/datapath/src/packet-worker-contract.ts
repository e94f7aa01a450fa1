import type { TunAdapter, TunDeviceOptions } from '@ipsec-kit/tun-adapter';
import type { SocketUdpAdapter, UdpAdapterOptions } from '@ipsec-kit/udp-adapter';
import type { PacketPath, PacketPathHandlers } from './packet-path.ts';

/** A TUN device whose packets a worker carries. */
export type CarriedTun = Pick<TunAdapter, 'name' | 'onError' | 'configure' | 'close'>;

/** Sockets whose datagrams a worker carries; scratch ports have the framing of port 4500. */
export type CarriedSockets = Pick<
  SocketUdpAdapter,
  | 'endpoints'
  | 'ports'
  | 'counters'
  | 'onError'
  | 'refresh'
  | 'suspend'
  | 'resume'
  | 'openScratchPort'
  | 'closeScratchPort'
  | 'close'
>;

/** A worker with a TUN device: sockets are opened for it, then it is connected. To be undone the other way round: the path
 * is stopped, the sockets are closed, then the device.
 */
export interface PacketWorker {
  readonly tun: CarriedTun;
  /** Sentences about what is slower than it could be. */
  readonly notes: readonly string[];
  /** Once.
   * @throws UdpBindError, one sentence with the system's `code`, when a socket cannot be opened; none stays open then.
   */
  openSockets(bind: UdpAdapterOptions['bind']): Promise<CarriedSockets>;
  /** Once, when the sockets are open: nothing comes before. */
  connect(handlers: PacketPathHandlers): PacketPath;
}

/** The worker runs, or one sentence says why it cannot on this machine. */
export type PacketWorkerResult =
  | { readonly ok: true; readonly worker: PacketWorker }
  | { readonly ok: false; readonly reason: string };

/** How many workers, and of what device. */
export interface PacketWorkerOptions extends Omit<TunDeviceOptions, 'queues'> {
  /** Threads that carry packets; default 1. Each SA belongs to one of them. Fewer where the kernel cannot share a device or a port among
   * them: a note says so.
   */
  readonly workers?: number;
}
