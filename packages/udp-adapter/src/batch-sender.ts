import { constants } from 'node:os';
import {
  copyPathWords,
  PACKED_PATH_BYTES,
  type PacketBatch,
  packetsLieInside,
  pathWordsEqual,
  readPackedPath,
} from '@ipsec-kit/ip';
import {
  AF_INET,
  AF_INET6,
  CMSGHDR,
  IN_PKTINFO,
  IN6_PKTINFO,
  IP_PKTINFO,
  IP_TOS,
  IPV6_PKTINFO,
  IPV6_TCLASS,
  MMSGHDR,
  MSG_DONTWAIT,
  SOCKADDR_IN,
  SOCKADDR_IN6,
  SOL_IP,
  SOL_IPV6,
  SOL_UDP,
  type SystemCalls,
  UDP_SEGMENT,
  writeVector,
} from '@ipsec-kit/posix';
import { createBatchAddresses } from './batch-addresses.ts';
import type { BatchSocketCounters, RefusedPacket } from './batch-socket.ts';
import { createMessageTable } from './message-table.ts';
import { PACKED_ENDPOINT_BYTES } from './packed-endpoint.ts';
import { isPossible, runLength } from './packet-run.ts';

const MOST_MESSAGES = 64;
const MOST_VECTORS = 512;
/** What kernels of all versions take in one piece. @see Linux, include/linux/udp.h */
const MOST_PIECES = 64;
const CONTROL_BYTES = 96;
const { fields } = MMSGHDR;
const { EAGAIN, ENOBUFS, EIO, EINVAL, EMSGSIZE, EOPNOTSUPP } = constants.errno;

/** Sends packets of batches. */
export interface BatchSender {
  readonly lastErrno: number;
  /** See `BatchSocket.takeRefused`. */
  takeRefused(): RefusedPacket | undefined;
  /** Whether packets of one path and length leave in one piece. */
  segments(): boolean;
  send(batch: PacketBatch, from: number, to: number): number;
  release(): void;
}

/** Prepares the table of messages once.
 * @param version - the family of the socket; packets of the other one are refused.
 * @param segments - whether the kernel knows UDP_SEGMENT.
 * @param reportsErrors - whether errors of earlier datagrams come back from later calls.
 */
export function createBatchSender(
  calls: SystemCalls,
  fd: number,
  version: 4 | 6,
  segments: boolean,
  counters: BatchSocketCounters,
  reportsErrors = false,
): BatchSender {
  const table = createMessageTable(calls, MOST_MESSAGES, MOST_VECTORS, CONTROL_BYTES);
  const { bytes, words16, words32 } = table.memory;
  const addressOf = createBatchAddresses(calls);
  /** Packets of each planned message. */
  const packets = new Uint32Array(MOST_MESSAGES);
  let mostPieces = segments ? MOST_PIECES : 1;
  let refusedErrno = 0;
  const refusedPath = new Uint8Array(PACKED_PATH_BYTES);
  const refusedWords = new Uint32Array(refusedPath.buffer);

  /** What the system refuses costs a copy of its path and no allocation: that may be every packet for a while. */
  function refuse(batch: PacketBatch, at: number, count: number): void {
    counters.refused += count;
    refusedErrno = sender.lastErrno;
    copyPathWords(batch.pathWords, at, refusedWords, 0);
  }

  /** Describes packets from `from` on as messages. @returns how many messages. */
  function plan(batch: PacketBatch, from: number, to: number, pieces: number): number {
    const address = addressOf(batch);
    const { pathWords } = batch;
    let message = 0;
    let vector = 0;
    let at = from;
    while (at < to && message < MOST_MESSAGES && vector < MOST_VECTORS) {
      const most = Math.min(pieces, MOST_VECTORS - vector);
      const count = runLength(batch, pathWords, at, to, most);
      for (let i = 0; i < count; i += 1) {
        const offset = batch.offsets[at + i] ?? 0;
        writeVector(
          words32,
          table.vectorAt(vector + i),
          address + offset,
          batch.lengths[at + i] ?? 0,
        );
      }
      table.pointToVectors(message, vector, count);
      writeName(message, batch.paths, at * PACKED_PATH_BYTES);
      writeControl(message, batch, at, count > 1 ? (batch.lengths[at] ?? 0) : 0);
      packets[message] = count;
      message += 1;
      vector += count;
      at += count;
    }
    return message;
  }

  function writeName(message: number, paths: Uint8Array, path: number): void {
    const name = table.nameAt(message);
    const remote = path + PACKED_ENDPOINT_BYTES;
    const isIpv4 = version === 4;
    words16[name >>> 1] = isIpv4 ? AF_INET : AF_INET6;
    bytes[name + 2] = paths[remote + 16] ?? 0;
    bytes[name + 3] = paths[remote + 17] ?? 0;
    const shape = isIpv4 ? SOCKADDR_IN : SOCKADDR_IN6;
    const [from, count] = isIpv4 ? [remote + 12, 4] : [remote, 16];
    const to = name + shape.fields.address.offset;
    for (let i = 0; i < count; i += 1) bytes[to + i] = paths[from + i] ?? 0;
    words32[(table.messageAt(message) + fields.nameBytes.offset) >>> 2] = shape.sizeBytes;
  }

  function writeControl(
    message: number,
    batch: PacketBatch,
    index: number,
    segmentBytes: number,
  ): void {
    const start = table.controlAt(message);
    const local = index * PACKED_PATH_BYTES;
    let at = start;
    if (version === 4) {
      at = beginControl(at, SOL_IP, IP_PKTINFO, IN_PKTINFO.sizeBytes);
      const source = start + CMSGHDR.sizeBytes + IN_PKTINFO.fields.source.offset;
      for (let i = 0; i < 4; i += 1) bytes[source + i] = batch.paths[local + 12 + i] ?? 0;
    } else {
      at = beginControl(at, SOL_IPV6, IPV6_PKTINFO, IN6_PKTINFO.sizeBytes);
      const source = start + CMSGHDR.sizeBytes + IN6_PKTINFO.fields.address.offset;
      for (let i = 0; i < 16; i += 1) bytes[source + i] = batch.paths[local + i] ?? 0;
    }
    if (segmentBytes > 0) {
      words16[(at + CMSGHDR.sizeBytes) >>> 1] = segmentBytes;
      at = beginControl(at, SOL_UDP, UDP_SEGMENT, 2);
    }
    const trafficClass = batch.trafficClasses?.[index] ?? 0;
    if (trafficClass > 0) {
      words32[(at + CMSGHDR.sizeBytes) >>> 2] = trafficClass;
      at =
        version === 4
          ? beginControl(at, SOL_IP, IP_TOS, 4)
          : beginControl(at, SOL_IPV6, IPV6_TCLASS, 4);
    }
    words32[(table.messageAt(message) + fields.controlBytes.offset) >>> 2] = at - start;
  }

  /** Writes the header of control data. @returns where the next begins. */
  function beginControl(at: number, level: number, type: number, dataBytes: number): number {
    words32[at >>> 2] = CMSGHDR.sizeBytes + dataBytes;
    words32[(at + 4) >>> 2] = 0;
    words32[(at + CMSGHDR.fields.level.offset) >>> 2] = level;
    words32[(at + CMSGHDR.fields.type.offset) >>> 2] = type;
    return at + ((CMSGHDR.sizeBytes + dataBytes + 7) & ~7);
  }

  /** Sends what can be described. @returns the packets dealt with before one that the system refused, which is then
   * told by `lastErrno`, or all.
   */
  function sendOnce(batch: PacketBatch, from: number, to: number, pieces: number): number {
    const planned = plan(batch, from, to, pieces);
    const sent = calls.sendmmsg(fd, table.messages, planned, MSG_DONTWAIT);
    if (sent < 0) {
      sender.lastErrno = -sent;
      return 0;
    }
    let done = 0;
    for (let i = 0; i < sent; i += 1) done += packets[i] ?? 0;
    counters.sent += done;
    return done;
  }

  /** @returns the packets dealt with; fewer when the system's buffer is full. */
  function sendRun(batch: PacketBatch, from: number, to: number, pieces: number): number {
    let at = from;
    let isAgain = false;
    while (at < to) {
      const done = sendOnce(batch, at, to, pieces);
      at += done;
      if (done > 0) {
        isAgain = false;
        continue;
      }
      const { lastErrno } = sender;
      if (lastErrno === EAGAIN || lastErrno === ENOBUFS) break;
      // It may be about a datagram that left long ago, and is told once.
      if (reportsErrors && !isAgain) {
        isAgain = true;
        continue;
      }
      isAgain = false;
      const count = packets[0] ?? 1;
      if (count === 1) {
        refuse(batch, at, 1);
        at += 1;
        continue;
      }
      // The device cannot complete checksums: it never will. Other refusals may be about this message alone.
      if (lastErrno === EIO || lastErrno === EOPNOTSUPP) mostPieces = 1;
      const isAboutSegments =
        lastErrno === EIO ||
        lastErrno === EINVAL ||
        lastErrno === EMSGSIZE ||
        lastErrno === EOPNOTSUPP;
      if (!isAboutSegments) {
        refuse(batch, at, count);
        at += count;
        continue;
      }
      const singles = sendRun(batch, at, at + count, 1);
      at += singles;
      if (singles < count) break;
    }
    return at - from;
  }

  // No accessors: V8 keeps all such objects but the first as hash tables.
  const sender = {
    lastErrno: 0,
    segments: () => mostPieces > 1,
    takeRefused(): RefusedPacket | undefined {
      if (refusedErrno === 0) return undefined;
      const errno = refusedErrno;
      refusedErrno = 0;
      return { errno, path: readPackedPath(refusedPath, 0) };
    },
    send(batch: PacketBatch, from: number, to: number): number {
      if (!packetsLieInside(batch, from, to)) {
        throw new RangeError('"batch" expected packets inside of its memory');
      }
      let at = from;
      while (at < to) {
        if (!isPossible(batch.paths, at, version)) {
          counters.refused += 1;
          at += 1;
          continue;
        }
        let end = at + 1;
        // What goes where the one before it goes needs no look of its own.
        while (
          end < to &&
          (pathWordsEqual(batch.pathWords, end, batch.pathWords, end - 1) ||
            isPossible(batch.paths, end, version))
        ) {
          end += 1;
        }
        const done = sendRun(batch, at, end, mostPieces);
        at += done;
        if (at < end) break;
      }
      return at - from;
    },
    release: () => table.release(),
  };
  return sender;
}
