import {
  createPacketBatch,
  PACKED_PATH_BYTES,
  type PacketBatch,
  type Path,
  pathWordsEqual,
  writePackedPath,
} from '@ipsec-kit/ip';
import { POLLOUT, type SystemCalls } from '@ipsec-kit/posix';
import {
  type BatchDescriptor,
  type BatchSocket,
  batchSocketOn,
  packEndpoint,
  packedEndpointAt,
  type RefusedPacket,
  type UdpCounters,
} from '@ipsec-kit/udp-adapter';
import { createPollTable } from './poll-table.ts';

/** How long a full socket buffer is waited for, before packets are dropped as by a full link. */
const FULL_BUFFER_WAIT_MS = 2;
const LARGEST_DATAGRAM_BYTES = 65535;

/** A socket of the worker. */
export interface WorkerSocket {
  readonly socket: BatchSocket;
  /** Its endpoint as half of a packed path. */
  readonly packed: Uint8Array;
  /** Whether its port has the framing of port 4500: of whatever port, as a socket has one. */
  readonly isMarkedPort: () => boolean;
  /** Whether it is read in this turn: a host has many addresses, and most of their sockets are silent. */
  isReady: boolean;
}

/** The sockets that a worker reads and writes. */
export interface WorkerSockets {
  all(): readonly WorkerSocket[];
  add(descriptor: BatchDescriptor, isMarked: boolean): void;
  /** Closes a socket; an unknown one is taken as closed. */
  remove(fd: number): void;
  /** Sends every packet of a batch from the socket of its local end; what cannot be sent is counted. */
  send(batch: PacketBatch): void;
  /** Sends one datagram. @returns why the system refused it, as an errno; 0 when it did not. */
  sendOne(datagram: Uint8Array, path: Path): number;
  /** Sends the packets of a batch with the DF bit, or not at all: probes. */
  sendWhole(batch: PacketBatch): void;
  /** The last packet of each socket that the system has refused since the last call. */
  takeRefused(): readonly RefusedPacket[];
  counters(): UdpCounters;
  closeAll(): void;
}

/** Makes a set without sockets. */
export function createWorkerSockets(calls: SystemCalls): WorkerSockets {
  let all: readonly WorkerSocket[] = [];
  let lastUsed: WorkerSocket | undefined;
  let unsent = 0;
  /** Of sockets that are closed by now. */
  const gone = { received: 0, receiveDrops: 0, sent: 0 };
  const writable = createPollTable(calls);
  const single = createPacketBatch({
    capacity: 1,
    slotBytes: LARGEST_DATAGRAM_BYTES + 1,
    headroom: 0,
  });

  function socketAt(paths: Uint8Array, offset: number): WorkerSocket | undefined {
    if (lastUsed && packedEndpointAt(paths, offset, lastUsed.packed)) return lastUsed;
    lastUsed = all.find(({ packed }) => packedEndpointAt(paths, offset, packed));
    return lastUsed;
  }

  function sendFrom(socket: BatchSocket, batch: PacketBatch, from: number, to: number): void {
    const before = socket.counters.sent;
    const done = socket.send(batch, from, to);
    if (done < to - from) {
      writable.watch([{ fd: socket.fd, events: POLLOUT }]);
      writable.poll(FULL_BUFFER_WAIT_MS);
      socket.send(batch, from + done, to);
    }
    unsent += to - from - (socket.counters.sent - before);
  }

  function send(batch: PacketBatch): void {
    let at = 0;
    while (at < batch.count) {
      const found = socketAt(batch.paths, at * PACKED_PATH_BYTES);
      let end = at + 1;
      if (found) {
        while (
          end < batch.count &&
          (pathWordsEqual(batch.pathWords, end, batch.pathWords, end - 1) ||
            packedEndpointAt(batch.paths, end * PACKED_PATH_BYTES, found.packed))
        ) {
          end += 1;
        }
        sendFrom(found.socket, batch, at, end);
      } else {
        unsent += 1;
      }
      at = end;
    }
  }

  function close({ socket }: WorkerSocket): void {
    gone.received += socket.counters.received;
    gone.receiveDrops += socket.counters.receiveDrops;
    gone.sent += socket.counters.sent;
    socket.close();
  }

  return {
    all: () => all,
    add(descriptor, isMarked): void {
      const socket = batchSocketOn(calls, descriptor);
      const packed = packEndpoint(descriptor.endpoint);
      all = [...all, { socket, packed, isMarkedPort: () => isMarked, isReady: true }];
    },
    remove(fd): void {
      lastUsed = undefined;
      for (const one of all) if (one.socket.fd === fd) close(one);
      all = all.filter(({ socket }) => socket.fd !== fd);
    },
    send,
    sendWhole(batch): void {
      for (let at = 0; at < batch.count; at += 1) {
        const found = socketAt(batch.paths, at * PACKED_PATH_BYTES);
        if (!found?.socket.sendWhole(batch, at)) unsent += 1;
      }
    },
    sendOne(datagram, path): number {
      if (datagram.length > LARGEST_DATAGRAM_BYTES) {
        unsent += 1;
        return 0;
      }
      single.memory.set(datagram);
      single.offsets[0] = 0;
      single.lengths[0] = datagram.length;
      writePackedPath(single.paths, 0, path);
      single.count = 1;
      const socket = socketAt(single.paths, 0)?.socket;
      const refusedBefore = socket?.counters.refused;
      send(single);
      return socket && socket.counters.refused !== refusedBefore ? socket.lastErrno : 0;
    },
    takeRefused: () => all.flatMap(({ socket }) => socket.takeRefused() ?? []),
    counters(): UdpCounters {
      let { received, receiveDrops, sent } = gone;
      for (const { socket } of all) {
        received += socket.counters.received;
        receiveDrops += socket.counters.receiveDrops;
        sent += socket.counters.sent;
      }
      return { received, receiveDrops, sent, sendDrops: unsent };
    },
    closeAll(): void {
      for (const one of all) close(one);
      all = [];
      lastUsed = undefined;
    },
  };
}
