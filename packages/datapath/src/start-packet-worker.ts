import { errnoName, loadPosix, loadSystemCalls, type SystemCalls } from '@ipsec-kit/posix';
import {
  createTunDevice,
  type TunAdapter,
  type TunDevice,
  type TunDeviceOptions,
  TunError,
} from '@ipsec-kit/tun-adapter';
import {
  type BatchDescriptor,
  createBindings,
  openBatchDescriptor,
  packEndpoint,
  type SocketUdpAdapter,
  type UdpAdapterOptions,
  udpOffloadFault,
} from '@ipsec-kit/udp-adapter';
import type { PacketPath, PacketPathHandlers } from './packet-path.ts';
import { sharedCounters } from './worker/shared-counters.ts';
import { openWorkerChannel, type WorkerChannel } from './worker/worker-channel.ts';
import { createWorkerPath, type WorkerPath } from './worker/worker-path.ts';

/** The code of an error after which nothing is carried any more. */
const GONE = 'EBADFD';

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

/** Makes a TUN device with offloads and starts a worker that carries its packets with batched system calls and the ciphers
 * of OpenSSL; `createInlinePath` with plain adapters does the same anywhere.
 * @throws TunError, one sentence that says what to do, when a device cannot be had: no permission, no driver.
 */
export async function startPacketWorker(
  options: Omit<TunDeviceOptions, 'queues'> = {},
): Promise<PacketWorkerResult> {
  const posix = loadPosix();
  const system = loadSystemCalls();
  if (!posix.ok) return { ok: false, reason: posix.reason };
  if (!system.ok) return { ok: false, reason: system.reason };
  const device = await createTunDevice(options);
  try {
    const [tunFd = -1] = device.fds;
    const channel = await openWorkerChannel(posix.posix, { tunFd, tunName: device.name });
    if (typeof channel !== 'string') {
      return { ok: true, worker: packetWorker(system.calls, device, channel) };
    }
    await device.close();
    return { ok: false, reason: channel };
  } catch (error) {
    await device.close();
    throw error;
  }
}

function packetWorker(calls: SystemCalls, device: TunDevice, channel: WorkerChannel): PacketWorker {
  let onError: (error: Error) => void = () => undefined;
  let workerPath: WorkerPath | undefined;
  const sockets = createWorkerBindings(calls, channel);
  const fail = (reason: string): void =>
    onError(new TunError(GONE, `${device.name} carries no packets any more: ${reason}`));
  channel.onFailure((error) => fail(error.message));
  channel.onMessage((message) => {
    if (message.kind === 'device-failed') fail(errnoName(message.errno));
    else workerPath?.note(message);
  });
  return {
    notes: channel.ready.notes,
    tun: {
      name: device.name,
      onError(handler): void {
        onError = handler;
        device.onError(handler);
      },
      configure: (settings) => device.configure(settings),
      async close(): Promise<void> {
        // Nobody may use its descriptor any more.
        await channel.stop();
        await device.close();
      },
    },
    openSockets: (bind) => sockets.open(bind),
    connect(handlers): PacketPath {
      workerPath = createWorkerPath(channel, handlers);
      sockets.handOver(handlers.isMarkedPort);
      return workerPath.path;
    },
  };
}

/** The sockets of a worker: opened here, where a refusal can be told well; read, written and closed there. */
function createWorkerBindings(
  calls: SystemCalls,
  channel: WorkerChannel,
): {
  open(bind: UdpAdapterOptions['bind']): Promise<CarriedSockets>;
  /** Has the worker use them, and those that are opened later. */
  handOver(isMarkedPort: (port: number) => boolean): void;
} {
  const offloads = udpOffloadFault(calls) === undefined;
  const counters = sharedCounters(channel.ready.dropReasons, channel.ready.counters);
  let isMarkedPort: ((port: number) => boolean) | undefined;

  function give(descriptor: BatchDescriptor, isScratch: boolean): void {
    const isMarked = isScratch || (isMarkedPort?.(descriptor.endpoint.port) ?? false);
    channel.send({ kind: 'add-socket', descriptor, isMarked });
  }

  const bindings = createBindings(async (wanted, isScratch) => {
    const opened = openBatchDescriptor(calls, { bind: wanted, offloads, reportsTooBig: true });
    if (!opened.ok) throw opened.error;
    const { descriptor } = opened;
    const { fd, endpoint } = descriptor;
    if (isMarkedPort) give(descriptor, isScratch);
    return {
      endpoint,
      packed: packEndpoint(endpoint),
      descriptor,
      async close(): Promise<void> {
        // A worker that failed has left it open, and the port would stay taken.
        if (!isMarkedPort || channel.hasFailed) calls.close(fd);
        else await channel.request((id) => ({ kind: 'remove-socket', id, fd }));
      },
    };
  });

  const sockets: CarriedSockets = {
    get endpoints() {
      return bindings.endpoints;
    },
    get ports() {
      return bindings.ports;
    },
    get counters() {
      return counters.udp();
    },
    // Sockets that are never connected have no errors of their own; those of a datagram are counted.
    onError: () => undefined,
    refresh: () => bindings.refresh(),
    suspend: () => bindings.suspend(),
    resume: () => bindings.resume(),
    openScratchPort: async (address) => (await bindings.openScratch(address)).endpoint,
    closeScratchPort: (local) => bindings.closeScratch(local),
    close: () => bindings.close(),
  };
  return {
    async open(bind): Promise<CarriedSockets> {
      await bindings.open(bind);
      return sockets;
    },
    handOver(isMarked): void {
      isMarkedPort = isMarked;
      for (const { descriptor } of bindings.sockets) give(descriptor, false);
    },
  };
}
