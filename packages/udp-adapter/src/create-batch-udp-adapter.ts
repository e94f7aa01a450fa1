import {
  type Endpoint,
  PACKED_PATH_BYTES,
  type PacketBatch,
  packetBatchIn,
  writePackedPath,
} from '@ipsec-kit/ip';
import { errnoName, loadPosix, loadSystemCalls, type SystemCalls } from '@ipsec-kit/posix';
import { type BatchSocketOptions, receiveBatchShape } from './batch-socket.ts';
import { createBindings } from './bindings.ts';
import type { SocketUdpAdapter, UdpAdapterOptions } from './create-udp-adapter.ts';
import { type DescriptorWatch, watchDescriptors } from './descriptor-watch.ts';
import { openBatchSocket } from './open-batch-socket.ts';
import { PACKED_ENDPOINT_BYTES, packEndpoint, packedEndpointAt } from './packed-endpoint.ts';
import { createReceiveBatch } from './receive-batch.ts';
import type { WritableCounters } from './receiver.ts';
import { DEFAULT_SOCKET_BUFFER_BYTES, type RefusedDatagram } from './udp-adapter.ts';
import { udpOffloadFault } from './udp-offload-fault.ts';

const MESSAGES = 8;
/** Batches taken from one socket before the others have their turn. */
const BATCHES_PER_TURN = 4;
const LARGEST_DATAGRAM_BYTES = 65535;

/** The adapter is open, or one sentence says why it cannot be had on this machine. */
export type BatchUdpAdapterResult =
  | { readonly ok: true; readonly adapter: SocketUdpAdapter }
  | { readonly ok: false; readonly reason: string };

type AdapterSocket = Awaited<ReturnType<typeof openAdapterSocket>>;

/** Opens the same adapter as `createUdpAdapter` on batched system calls, in the thread of the caller; it waits in a thread
 * of libuv's pool. A worker that has nothing else to do is better off with `openBatchSocket`.
 * @throws UdpBindError, one sentence with the system's `code`, when a socket cannot be opened; none stays open then.
 */
export async function createBatchUdpAdapter(
  options: UdpAdapterOptions,
): Promise<BatchUdpAdapterResult> {
  const posix = loadPosix();
  const system = loadSystemCalls();
  if (!posix.ok) return { ok: false, reason: posix.reason };
  if (!system.ok) return { ok: false, reason: system.reason };
  const { calls } = system;
  const offloads = udpOffloadFault(calls) === undefined;
  const watch = watchDescriptors(posix.posix);
  const { socketBufferBytes: bufferBytes = DEFAULT_SOCKET_BUFFER_BYTES } = options;
  const bindings = createBindings((bind) =>
    openAdapterSocket(calls, watch, { bind, bufferBytes, offloads }),
  );
  try {
    await bindings.open(options.bind);
    return { ok: true, adapter: adapterOn(calls, watch, bindings, options) };
  } catch (error) {
    await bindings.close();
    await watch.close();
    throw error;
  }
}

async function openAdapterSocket(
  calls: SystemCalls,
  watch: DescriptorWatch,
  options: BatchSocketOptions,
) {
  const opened = openBatchSocket(calls, options);
  if (!opened.ok) throw opened.error;
  const { socket } = opened;
  return {
    endpoint: socket.endpoint,
    packed: packEndpoint(socket.endpoint),
    socket,
    async close(): Promise<void> {
      // A descriptor that is polled must not be closed: its number may be another's by then.
      await watch.forget(socket.fd);
      socket.close();
    },
  };
}

function adapterOn(
  calls: SystemCalls,
  watch: DescriptorWatch,
  bindings: ReturnType<typeof createBindings<AdapterSocket>>,
  options: UdpAdapterOptions,
): SocketUdpAdapter {
  const counters: WritableCounters = { received: 0, receiveDrops: 0, sent: 0, sendDrops: 0 };
  const handed = createReceiveBatch(options.receive);
  const shape = receiveBatchShape(MESSAGES);
  const came = packetBatchIn(calls.mapMemory(shape.capacity * shape.slotBytes).bytes, shape);
  const single = packetBatchIn(new Uint8Array(LARGEST_DATAGRAM_BYTES + 1), {
    capacity: 1,
    slotBytes: LARGEST_DATAGRAM_BYTES + 1,
    headroom: 0,
  });
  let handler: ((batch: PacketBatch) => void) | undefined;
  let errorHandler: ((error: Error) => void) | undefined;
  let refusedHandler: ((refused: RefusedDatagram) => void) | undefined;
  let lastSendError: Error | undefined;

  function handOver(): void {
    if (handler && !handed.isEmpty) handed.handOver(handler);
  }

  function takeFrom({ socket, packed }: AdapterSocket): void {
    const dropsBefore = socket.counters.receiveDrops;
    for (let turn = 0; turn < BATCHES_PER_TURN; turn += 1) {
      const mayHaveMore = socket.receive(came);
      for (let i = 0; i < came.count; i += 1) {
        const offset = came.offsets[i] ?? 0;
        const datagram = came.memory.subarray(offset, offset + (came.lengths[i] ?? 0));
        const remote = i * PACKED_PATH_BYTES + PACKED_ENDPOINT_BYTES;
        if (handed.isFull) handOver();
        const isTaken =
          handler !== undefined &&
          handed.add(datagram, packed, came.paths.subarray(remote, remote + PACKED_ENDPOINT_BYTES));
        if (isTaken) counters.received += 1;
        else counters.receiveDrops += 1;
      }
      if (!mayHaveMore) break;
    }
    counters.receiveDrops += socket.counters.receiveDrops - dropsBefore;
  }

  function sendBatch(batch: PacketBatch): number {
    let sent = 0;
    let at = 0;
    while (at < batch.count) {
      const found = bindings.socketAt(batch.paths, at * PACKED_PATH_BYTES);
      let end = at + 1;
      while (
        found &&
        end < batch.count &&
        packedEndpointAt(batch.paths, end * PACKED_PATH_BYTES, found.packed)
      ) {
        end += 1;
      }
      if (found) {
        const { sent: sentBefore } = found.socket.counters;
        found.socket.send(batch, at, end);
        const sentNow = found.socket.counters.sent - sentBefore;
        sent += sentNow;
        if (sentNow < end - at) {
          const { lastErrno } = found.socket;
          if (lastErrno !== 0) lastSendError = new Error(`sendmmsg: ${errnoName(lastErrno)}`);
        }
      }
      at = end;
    }
    counters.sent += sent;
    counters.sendDrops += batch.count - sent;
    return sent;
  }

  watch.start(
    () => bindings.sockets.map(({ socket }) => socket.fd),
    () => {
      for (const socket of bindings.sockets) takeFrom(socket);
      handOver();
    },
    (error) => errorHandler?.(error),
  );

  return {
    counters,
    get endpoints(): readonly Endpoint[] {
      return bindings.endpoints;
    },
    get ports(): readonly number[] {
      return bindings.ports;
    },
    get lastSendError(): Error | undefined {
      return lastSendError;
    },
    onDatagrams(listener: (batch: PacketBatch) => void): void {
      handler = listener;
    },
    onError(listener: (error: Error) => void): void {
      errorHandler = listener;
    },
    send: sendBatch,
    sendOne(datagram: Uint8Array, local: Endpoint, remote: Endpoint): void {
      if (datagram.length > LARGEST_DATAGRAM_BYTES) {
        counters.sendDrops += 1;
        return;
      }
      single.memory.set(datagram);
      single.offsets[0] = 0;
      single.lengths[0] = datagram.length;
      writePackedPath(single.paths, 0, { local, remote });
      single.count = 1;
      const socket = bindings.socketAt(single.paths, 0)?.socket;
      const refusedBefore = socket?.counters.refused;
      sendBatch(single);
      if (!socket || socket.counters.refused === refusedBefore) return;
      refusedHandler?.({ local, remote, code: errnoName(socket.lastErrno) });
    },
    onRefused(listener: (refused: RefusedDatagram) => void): void {
      refusedHandler = listener;
    },
    takeRefused(): RefusedDatagram | undefined {
      let last: RefusedDatagram | undefined;
      for (const { socket } of bindings.sockets) {
        const refused = socket.takeRefused();
        if (refused) last = { ...refused.path, code: errnoName(refused.errno) };
      }
      return last;
    },
    async openScratchPort(address) {
      const { endpoint } = await bindings.openScratch(address);
      watch.changed();
      return endpoint;
    },
    async closeScratchPort(local): Promise<void> {
      await bindings.closeScratch(local);
      watch.changed();
    },
    async suspend() {
      await bindings.suspend();
      watch.changed();
    },
    async resume() {
      await bindings.resume();
      watch.changed();
    },
    async refresh() {
      const changes = await bindings.refresh();
      watch.changed();
      return changes;
    },
    async close(): Promise<void> {
      handler = undefined;
      await bindings.close();
      await watch.close();
    },
  };
}
