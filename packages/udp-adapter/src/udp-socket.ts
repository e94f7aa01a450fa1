import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { type Endpoint, formatAddress, isMappedAt, readUint16 } from '@ipsec-kit/ip';
import type { AddressTextCache } from './address-text-cache.ts';
import { packEndpoint } from './packed-endpoint.ts';
import { udpBindError } from './udp-bind-error.ts';

/** Datagrams that one socket may keep while the system's own buffer is full. */
const MOST_QUEUED = 256;
const LARGEST_DATAGRAM_BYTES = 65535;

/** What a socket tells its adapter. */
export interface UdpSocketEvents {
  received(socket: UdpSocket, datagram: Uint8Array, from: RemoteInfo): void;
  /** The system refused a datagram that `send` had taken. */
  sendFailed(socket: UdpSocket, error: Error): void;
  /** The socket is broken. */
  failed(socket: UdpSocket, error: Error): void;
}

/** One socket on one local address: so every datagram's local end is known, which node:dgram does not tell. */
export interface UdpSocket {
  readonly endpoint: Endpoint;
  /** The endpoint as half of a packed path. */
  readonly packed: Uint8Array;
  /** Sends a copy of `memory[offset .. offset + length)` to the packed endpoint at `remoteOffset` of `remotes`.
   * @param refused - called when the system refuses it after all.
   * @returns false when it cannot be taken: the queue is full, or the remote end is impossible.
   */
  send(
    memory: Uint8Array,
    offset: number,
    length: number,
    remotes: Uint8Array,
    remoteOffset: number,
    refused?: (error: Error) => void,
  ): boolean;
  close(): Promise<void>;
}

/** How sockets are opened. */
export interface UdpSocketOptions {
  readonly bufferBytes: number;
  readonly texts: AddressTextCache;
  readonly events: UdpSocketEvents;
}

/** Opens a socket on one address; port 0 takes a free one.
 * @throws UdpBindError when the system refuses.
 */
export async function openUdpSocket(
  wanted: Endpoint,
  options: UdpSocketOptions,
): Promise<UdpSocket> {
  const { version } = wanted.address;
  const socket = createSocket({
    type: version === 4 ? 'udp4' : 'udp6',
    ipv6Only: version === 6,
    reuseAddr: false,
    // Addresses are never names here; answering in the same turn lets `send` reach the system before it returns.
    lookup: (address, _options, done) => done(null, address, version),
  });
  try {
    await bind(socket, wanted);
  } catch (error) {
    socket.close();
    throw udpBindError(error, wanted);
  }
  enlargeBuffers(socket, options.bufferBytes);
  return attach(socket, { address: wanted.address, port: socket.address().port }, options);
}

function bind(socket: Socket, endpoint: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(
      { port: endpoint.port, address: formatAddress(endpoint.address), exclusive: true },
      () => {
        socket.off('error', reject);
        resolve();
      },
    );
  });
}

/** The system caps what is asked for; a refusal costs throughput only. */
function enlargeBuffers(socket: Socket, bytes: number): void {
  try {
    socket.setRecvBufferSize(bytes);
    socket.setSendBufferSize(bytes);
  } catch {
    return;
  }
}

function attach(socket: Socket, endpoint: Endpoint, options: UdpSocketOptions): UdpSocket {
  const { texts, events } = options;
  const { version } = endpoint.address;
  let scratch = new Uint8Array(LARGEST_DATAGRAM_BYTES);
  let isOpen = true;
  // One function for all datagrams: no closure per packet.
  const sendDone = (error: Error | null): void => {
    if (error) events.sendFailed(self, error);
  };
  const andTell =
    (refused: (error: Error) => void) =>
    (error: Error | null): void => {
      sendDone(error);
      if (error) refused(error);
    };

  const self: UdpSocket = {
    endpoint,
    packed: packEndpoint(endpoint),
    send(memory, offset, length, remotes, remoteOffset, refused): boolean {
      const port = readUint16(remotes, remoteOffset + 16);
      if (!isOpen || port === 0 || length > LARGEST_DATAGRAM_BYTES) return false;
      if (isMappedAt(remotes, remoteOffset) !== (version === 4)) return false;
      const address = texts.textAt(remotes, remoteOffset, version);
      const done = refused ? andTell(refused) : sendDone;
      const queued = socket.getSendQueueCount();
      if (queued >= MOST_QUEUED) return false;
      if (queued > 0) {
        // Behind others the datagram is kept until later, so it needs memory of its own.
        socket.send(memory.slice(offset, offset + length), 0, length, port, address, done);
        return true;
      }
      scratch.set(memory.subarray(offset, offset + length));
      socket.send(scratch, 0, length, port, address, done);
      // The system's buffer was full: the socket holds on to the scratch memory, so it is given away.
      if (socket.getSendQueueCount() > 0) scratch = new Uint8Array(LARGEST_DATAGRAM_BYTES);
      return true;
    },
    close(): Promise<void> {
      if (!isOpen) return Promise.resolve();
      isOpen = false;
      return new Promise((resolve) => socket.close(resolve));
    },
  };
  socket.on('message', (datagram, from) => events.received(self, datagram, from));
  socket.on('error', (error) => events.failed(self, error));
  return self;
}
