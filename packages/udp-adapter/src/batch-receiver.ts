import { commitPacket, copyPathWords, PACKED_PATH_BYTES, type PacketBatch } from '@ipsec-kit/ip';
import {
  AF_INET,
  CMSGHDR,
  IN_PKTINFO,
  IN6_PKTINFO,
  IP_PKTINFO,
  IP_TOS,
  IPV6_PKTINFO,
  IPV6_TCLASS,
  MMSGHDR,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_TRUNC,
  SOCKADDR_IN,
  SOCKADDR_IN6,
  SOL_IP,
  SOL_IPV6,
  SOL_UDP,
  type SystemCalls,
  UDP_GRO,
  writeVector,
} from '@ipsec-kit/posix';
import { createBatchAddresses } from './batch-addresses.ts';
import { type BatchSocketCounters, MESSAGE_BYTES, MOST_SEGMENTS } from './batch-socket.ts';
import { createMessageTable, type MessageTable } from './message-table.ts';
import { PACKED_ENDPOINT_BYTES } from './packed-endpoint.ts';

const MOST_MESSAGES = 64;
/** pktinfo, traffic class and segment size, each rounded up. */
const CONTROL_BYTES = 128;
/** How fast it is forgotten that messages held many datagrams: those of one peer come in long and short ones. */
const FORGETTING = 15 / 16;
const { fields } = MMSGHDR;

/** What control data says about one message. */
interface Told {
  hasLocal: boolean;
  trafficClass: number;
  /** 0 when the message is one datagram. */
  segmentBytes: number;
}

/** Reads datagrams into batches. */
export interface BatchReceiver {
  /** See `BatchSocket.receive`. */
  receive(into: PacketBatch, enough?: number): boolean;
  release(): void;
}

/** Prepares the table of messages once.
 * @param port - what the socket is bound to: control data does not tell it.
 */
export function createBatchReceiver(
  calls: SystemCalls,
  fd: number,
  port: number,
  counters: BatchSocketCounters,
): BatchReceiver {
  const table = createMessageTable(calls, MOST_MESSAGES, MOST_MESSAGES, CONTROL_BYTES);
  const addressOf = createBatchAddresses(calls);
  const told: Told = { hasLocal: false, trafficClass: 0, segmentBytes: 0 };
  for (let i = 0; i < MOST_MESSAGES; i += 1) table.pointToVectors(i, i, 1);
  let pointedTo = -1;
  /** Datagrams that a message may have, by those that came. */
  let datagramsEach = 1;

  /** Points the messages to the parts of a batch's memory, unless they do already. */
  function pointTo(address: number): void {
    if (address === pointedTo) return;
    pointedTo = address;
    for (let i = 0; i < MOST_MESSAGES; i += 1) {
      const { words32 } = table.memory;
      writeVector(words32, table.vectorAt(i), address + i * MESSAGE_BYTES, MESSAGE_BYTES);
    }
  }

  function take(into: PacketBatch, message: number): void {
    const { pathWords } = into;
    const { words32 } = table.memory;
    const at = table.messageAt(message);
    const bytes = words32[(at + fields.length.offset) >>> 2] ?? 0;
    const flags = words32[(at + fields.flags.offset) >>> 2] ?? 0;
    const first = into.count;
    readControl(table, message, into.paths, first, told);
    const hasRemote = readName(table, message, into.paths, first);
    // Without all of its control data it is not known where it was sent to, nor how many datagrams it is.
    const isCut = (flags & (MSG_TRUNC | MSG_CTRUNC)) !== 0;
    if (isCut || !told.hasLocal || !hasRemote) {
      counters.receiveDrops += 1;
      return;
    }
    const portAt = first * PACKED_PATH_BYTES + PACKED_ENDPOINT_BYTES - 2;
    into.paths[portAt] = port >>> 8;
    into.paths[portAt + 1] = port;
    const segmentBytes = told.segmentBytes > 0 ? told.segmentBytes : Math.max(bytes, 1);
    const start = message * MESSAGE_BYTES;
    let done = 0;
    do {
      const index = into.count;
      if (index > first) copyPathWords(pathWords, first, pathWords, index);
      if (into.trafficClasses) into.trafficClasses[index] = told.trafficClass;
      commitPacket(into, start + done, Math.min(segmentBytes, bytes - done));
      done += segmentBytes;
    } while (done < bytes && into.count < into.capacity);
    counters.received += into.count - first;
    if (done < bytes) counters.receiveDrops += Math.ceil((bytes - done) / segmentBytes);
  }

  return {
    receive(into: PacketBatch, enough = into.capacity): boolean {
      into.count = 0;
      const room = Math.min(
        Math.floor(into.memory.length / MESSAGE_BYTES),
        Math.floor(into.capacity / MOST_SEGMENTS),
        MOST_MESSAGES,
      );
      if (room < 1) throw new RangeError(tooSmall(into));
      pointTo(addressOf(into));
      const asked = Math.min(room, Math.max(1, Math.floor(enough / datagramsEach)));
      const came = calls.recvmmsg(fd, table.messages, asked, MSG_DONTWAIT);
      for (let i = 0; i < came; i += 1) {
        take(into, i);
        restore(table, i);
      }
      if (came > 0) datagramsEach = Math.max(1, into.count / came, datagramsEach * FORGETTING);
      return came === asked;
    },
    release: () => table.release(),
  };
}

function tooSmall({ memory, capacity }: PacketBatch): string {
  return `"into" expected ${MESSAGE_BYTES} bytes and ${MOST_SEGMENTS} entries for a message, got ${memory.length} and ${capacity}: see receiveBatchShape`;
}

/** Sets what the kernel overwrote back to the room that there is. */
function restore(table: MessageTable, message: number): void {
  const { words32 } = table.memory;
  const at = table.messageAt(message);
  words32[(at + fields.nameBytes.offset) >>> 2] = SOCKADDR_IN6.sizeBytes;
  words32[(at + fields.controlBytes.offset) >>> 2] = CONTROL_BYTES;
}

/** The remote end, out of the address that the message has. @returns false without one. */
function readName(table: MessageTable, message: number, paths: Uint8Array, index: number): boolean {
  const { bytes, words16 } = table.memory;
  const name = table.nameAt(message);
  const to = index * PACKED_PATH_BYTES + PACKED_ENDPOINT_BYTES;
  const family = words16[name >>> 1];
  const isIpv4 = family === AF_INET;
  writeAddress(
    bytes,
    name + (isIpv4 ? SOCKADDR_IN : SOCKADDR_IN6).fields.address.offset,
    isIpv4,
    paths,
    to,
  );
  paths[to + 16] = bytes[name + 2] ?? 0;
  paths[to + 17] = bytes[name + 3] ?? 0;
  return family !== 0;
}

/** Walks the control data of a message. @see cmsg(3) */
function readControl(
  table: MessageTable,
  message: number,
  paths: Uint8Array,
  index: number,
  told: Told,
): void {
  const { bytes, words32 } = table.memory;
  told.hasLocal = false;
  told.trafficClass = 0;
  told.segmentBytes = 0;
  let at = table.controlAt(message);
  const length = words32[(table.messageAt(message) + fields.controlBytes.offset) >>> 2] ?? 0;
  const end = at + Math.min(length, CONTROL_BYTES);
  while (at + CMSGHDR.sizeBytes <= end) {
    const bytesHere = words32[at >>> 2] ?? 0;
    if (bytesHere < CMSGHDR.sizeBytes || at + bytesHere > end) return;
    const level = words32[(at + CMSGHDR.fields.level.offset) >>> 2] ?? 0;
    const type = words32[(at + CMSGHDR.fields.type.offset) >>> 2] ?? 0;
    const data = at + CMSGHDR.sizeBytes;
    const to = index * PACKED_PATH_BYTES;
    if (level === SOL_IP && type === IP_PKTINFO) {
      writeAddress(bytes, data + IN_PKTINFO.fields.destination.offset, true, paths, to);
      told.hasLocal = true;
    } else if (level === SOL_IPV6 && type === IPV6_PKTINFO) {
      writeAddress(bytes, data + IN6_PKTINFO.fields.address.offset, false, paths, to);
      told.hasLocal = true;
    } else if (
      (level === SOL_IP && type === IP_TOS) ||
      (level === SOL_IPV6 && type === IPV6_TCLASS)
    ) {
      told.trafficClass = bytes[data] ?? 0;
    } else if (level === SOL_UDP && type === UDP_GRO) {
      told.segmentBytes = words32[data >>> 2] ?? 0;
    }
    at += (bytesHere + 7) & ~7;
  }
}

/** Copies an address into a packed path, IPv4 as IPv4-mapped. */
function writeAddress(
  from: Uint8Array,
  offset: number,
  isIpv4: boolean,
  paths: Uint8Array,
  to: number,
): void {
  if (!isIpv4) {
    for (let i = 0; i < 16; i += 1) paths[to + i] = from[offset + i] ?? 0;
    return;
  }
  for (let i = 0; i < 10; i += 1) paths[to + i] = 0;
  paths[to + 10] = 0xff;
  paths[to + 11] = 0xff;
  for (let i = 0; i < 4; i += 1) paths[to + 12 + i] = from[offset + i] ?? 0;
}
