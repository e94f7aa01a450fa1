import type { SystemCalls } from '@ipsec-kit/posix';
import {
  type BatchDescriptor,
  createBindings,
  openSharedDescriptors,
  packEndpoint,
  type UdpAdapterOptions,
  udpOffloadFault,
} from '@ipsec-kit/udp-adapter';
import type { CarriedSockets } from '../packet-worker-contract.ts';
import { sharedCounters } from '../worker/shared-counters.ts';
import type { WorkerChannel } from '../worker/worker-channel.ts';
import { sumCounters } from './sum-counters.ts';

/** The sockets of workers: opened here, where a refusal can be told well; read, written and closed there. */
export interface WorkerBindings {
  open(bind: UdpAdapterOptions['bind']): Promise<CarriedSockets>;
  /** Has the workers use them, and those that are opened later. */
  handOver(isMarkedPort: (port: number) => boolean): void;
}

/** Makes a set without sockets. On a port with the framing of port 4500 each worker gets one, on the others, which carry IKE alone, the
 * first.
 */
export function createWorkerBindings(
  calls: SystemCalls,
  channels: readonly WorkerChannel[],
): WorkerBindings {
  const offloads = udpOffloadFault(calls) === undefined;
  const counters = channels.map(({ ready }) => sharedCounters(ready.dropReasons, ready.counters));
  let isMarkedPort: ((port: number) => boolean) | undefined;

  /** @returns those that are used; the others are closed. */
  function give(descriptors: readonly BatchDescriptor[], isScratch: boolean): number {
    const port = descriptors[0]?.endpoint.port ?? 0;
    const isMarked = isScratch || (isMarkedPort?.(port) ?? false);
    const used = isMarked ? descriptors.length : 1;
    for (const { fd } of descriptors.slice(used)) calls.close(fd);
    for (const [i, descriptor] of descriptors.slice(0, used).entries()) {
      channels[i]?.send({ kind: 'add-socket', descriptor, isMarked });
    }
    return used;
  }

  const bindings = createBindings(async (bind, isScratch) => {
    const options = { bind, offloads, reportsTooBig: true };
    const opened = openSharedDescriptors(calls, options, channels.length);
    if (!opened.ok) throw opened.error;
    const { descriptors } = opened;
    const endpoint = descriptors[0]?.endpoint ?? bind;
    let open = descriptors.length;
    const handOver = (): void => {
      open = give(descriptors, isScratch);
    };
    if (isMarkedPort) handOver();
    return {
      endpoint,
      packed: packEndpoint(endpoint),
      handOver,
      async close(): Promise<void> {
        await Promise.all(descriptors.slice(0, open).map(({ fd }, i) => closeOne(fd, channels[i])));
      },
    };
  });

  async function closeOne(fd: number, channel: WorkerChannel | undefined): Promise<void> {
    // A worker that failed has left it open, and the port would stay taken.
    if (!isMarkedPort || !channel || channel.hasFailed) calls.close(fd);
    else await channel.request((id) => ({ kind: 'remove-socket', id, fd }));
  }

  const sockets: CarriedSockets = {
    get endpoints() {
      return bindings.endpoints;
    },
    get ports() {
      return bindings.ports;
    },
    get counters() {
      return sumCounters(counters.map((one) => one.udp()));
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
      for (const socket of bindings.sockets) socket.handOver();
    },
  };
}
