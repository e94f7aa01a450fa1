import type { Endpoint, IpAddress, PacketBatch } from '@ipsec-kit/ip';
import { PACKED_PATH_BYTES, packPath, parseAddress } from '@ipsec-kit/ip';
import { createAddressTextCache } from './address-text-cache.ts';
import { createBindings, type EndpointChanges } from './bindings.ts';
import type { EveryAddress } from './every-address.ts';
import { PACKED_ENDPOINT_BYTES } from './packed-endpoint.ts';
import { createReceiver, type WritableCounters } from './receiver.ts';
import {
  DEFAULT_SOCKET_BUFFER_BYTES,
  type ReceiveBatchOptions,
  type RefusedDatagram,
  type UdpAdapter,
} from './udp-adapter.ts';
import { openUdpSocket, type UdpSocket, type UdpSocketEvents } from './udp-socket.ts';

export type { EndpointChanges } from './bindings.ts';
export type { EveryAddress } from './every-address.ts';

/** What to open, and how large. */
export interface UdpAdapterOptions {
  /** Exact endpoints (port 0 takes a free one), or every address of this machine. */
  readonly bind: readonly Endpoint[] | EveryAddress;
  /** Asked of the system for each direction of each socket; it may give less. Default 4 MiB. */
  readonly socketBufferBytes?: number;
  /** The memory in which datagrams are handed over. */
  readonly receive?: ReceiveBatchOptions;
}

/** A {@link UdpAdapter} on sockets of the system. */
export interface SocketUdpAdapter extends UdpAdapter {
  /** The ports that were opened, in the order in which they were asked for. */
  readonly ports: readonly number[];
  /** Looks at the machine's addresses again: opens sockets on new ones, closes those of vanished ones.
   * With exact endpoints it changes nothing.
   */
  refresh(): Promise<EndpointChanges>;
  /** Closes all sockets until {@link resume}, so that another process may have their ports; what is sent meanwhile is dropped and counted. */
  suspend(): Promise<void>;
  /** Opens them again, on those of their addresses that are still there.
   * @throws UdpBindError when another process still has a port; it may be tried again.
   */
  resume(): Promise<void>;
  /** Opens a free port on one address of this machine, beside those in `endpoints`; what comes in on it is handed over as all is.
   * @throws UdpBindError when it cannot be opened, RangeError when 64 are open.
   */
  openScratchPort(address: IpAddress): Promise<Endpoint>;
  /** Closes a scratch port; an unknown one is taken as closed. */
  closeScratchPort(local: Endpoint): Promise<void>;
  /** Why the system refused the last datagram that it refused; `undefined` when it never did. */
  readonly lastSendError: Error | undefined;
}

/** Opens UDP sockets through node:dgram, one for each local address and port.
 * @throws UdpBindError, one sentence with the system's `code`, when one of them cannot be opened; none stays open then.
 */
export async function createUdpAdapter(options: UdpAdapterOptions): Promise<SocketUdpAdapter> {
  const texts = createAddressTextCache();
  const counters: WritableCounters = { received: 0, receiveDrops: 0, sent: 0, sendDrops: 0 };
  const receiver = createReceiver(options.receive, texts, counters);
  let errorHandler: ((error: Error) => void) | undefined;
  let refusedHandler: ((refused: RefusedDatagram) => void) | undefined;
  let lastSendError: Error | undefined;
  /** The socket of that error, until it has been asked for. */
  let lastRefusing: UdpSocket | undefined;

  const events: UdpSocketEvents = {
    received: receiver.received,
    sendFailed(socket, error): void {
      counters.sent -= 1;
      counters.sendDrops += 1;
      lastSendError = error;
      lastRefusing = socket;
    },
    failed(socket, error): void {
      bindings.drop(socket);
      errorHandler?.(error);
    },
  };
  const socketOptions = {
    bufferBytes: options.socketBufferBytes ?? DEFAULT_SOCKET_BUFFER_BYTES,
    texts,
    events,
  };
  const bindings = createBindings<UdpSocket>((wanted) => openUdpSocket(wanted, socketOptions));
  await bindings.open(options.bind);

  function sendPacked(
    memory: Uint8Array,
    offset: number,
    length: number,
    paths: Uint8Array,
    pathOffset: number,
    refused?: (error: Error) => void,
  ): boolean {
    const socket = bindings.socketAt(paths, pathOffset);
    const remoteOffset = pathOffset + PACKED_ENDPOINT_BYTES;
    if (socket?.send(memory, offset, length, paths, remoteOffset, refused)) {
      counters.sent += 1;
      return true;
    }
    counters.sendDrops += 1;
    return false;
  }

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
      receiver.handler = listener;
    },
    onError(listener: (error: Error) => void): void {
      errorHandler = listener;
    },
    send({ memory, offsets, lengths, paths, count }: PacketBatch): number {
      let taken = 0;
      for (let i = 0; i < count; i += 1) {
        const at = i * PACKED_PATH_BYTES;
        if (sendPacked(memory, offsets[i] ?? 0, lengths[i] ?? 0, paths, at)) taken += 1;
      }
      return taken;
    },
    sendOne(datagram: Uint8Array, local: Endpoint, to: Endpoint): void {
      const path = packPath({ local, remote: to });
      sendPacked(datagram, 0, datagram.length, path, 0, (error) => {
        refusedHandler?.({ local, remote: to, code: codeOf(error) });
      });
    },
    onRefused(listener: (refused: RefusedDatagram) => void): void {
      refusedHandler = listener;
    },
    takeRefused(): RefusedDatagram | undefined {
      const local = lastRefusing?.endpoint;
      const remote = lastSendError && remoteOf(lastSendError);
      lastRefusing = undefined;
      return local && remote && { local, remote, code: codeOf(lastSendError) };
    },
    refresh: () => bindings.refresh(),
    suspend: () => bindings.suspend(),
    resume: () => bindings.resume(),
    openScratchPort: async (address) => (await bindings.openScratch(address)).endpoint,
    closeScratchPort: (local) => bindings.closeScratch(local),
    async close(): Promise<void> {
      receiver.handler = undefined;
      await bindings.close();
    },
  };
}

function codeOf(error: object | undefined): string {
  return error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Whom node:dgram could not send to, as its errors tell. */
function remoteOf(error: Error): Endpoint | undefined {
  if (!('address' in error && 'port' in error)) return undefined;
  const { address: text, port } = error;
  const address = typeof text === 'string' ? parseAddress(text) : undefined;
  return address && typeof port === 'number' ? { address, port } : undefined;
}
