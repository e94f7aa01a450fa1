import { constants } from 'node:os';
import { readUint32 } from '@ipsec-kit/ip';
import {
  CMSGHDR,
  IP_RECVERR,
  IPV6_RECVERR,
  MMSGHDR,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  SO_EE_ORIGIN_ICMP,
  SO_EE_ORIGIN_ICMP6,
  SO_EE_ORIGIN_LOCAL,
  SOCK_EXTENDED_ERR,
  SOCKADDR_IN6,
  SOL_IP,
  SOL_IPV6,
  type SystemCalls,
  writeVector,
} from '@ipsec-kit/posix';
import type { TooBig } from './batch-socket.ts';
import { createMessageTable, type MessageTable } from './message-table.ts';

const MOST_MESSAGES = 8;
/** Of what is quoted no more than this is read. */
const QUOTE_BYTES = 8;
/** pktinfo, traffic class, and the error with the address of who tells it, each rounded up. */
const CONTROL_BYTES = 192;
const { fields } = MMSGHDR;
const { fields: told } = SOCK_EXTENDED_ERR;
const { EMSGSIZE } = constants.errno;

/** Errors of datagrams that were sent. */
export interface ErrorQueue {
  /** Takes the oldest ones off the queue. @returns those that say that a datagram was too big. */
  take(): readonly TooBig[];
  release(): void;
}

/** Prepares the table of messages once, for a socket with IP_RECVERR or IPV6_RECVERR. @see ip(7) */
export function createErrorQueue(calls: SystemCalls, fd: number): ErrorQueue {
  const table = createMessageTable(calls, MOST_MESSAGES, MOST_MESSAGES, CONTROL_BYTES);
  const quotes = calls.mapMemory(MOST_MESSAGES * QUOTE_BYTES);
  const { words32 } = table.memory;
  for (let i = 0; i < MOST_MESSAGES; i += 1) {
    table.pointToVectors(i, i, 1);
    writeVector(words32, table.vectorAt(i), quotes.address + i * QUOTE_BYTES, QUOTE_BYTES);
  }
  return {
    take(): readonly TooBig[] {
      const flags = MSG_ERRQUEUE | MSG_DONTWAIT;
      const came = calls.recvmmsg(fd, table.messages, MOST_MESSAGES, flags);
      const found: TooBig[] = [];
      for (let i = 0; i < came; i += 1) {
        const tooBig = readTooBig(table, i, quotes.bytes);
        if (tooBig) found.push(tooBig);
        restore(table, i);
      }
      return found;
    },
    release(): void {
      table.release();
      quotes.release();
    },
  };
}

function readTooBig(table: MessageTable, message: number, quotes: Uint8Array): TooBig | undefined {
  const { bytes, words32 } = table.memory;
  const at = findError(table, message);
  if (at === undefined || words32[(at + told.errno.offset) >>> 2] !== EMSGSIZE) return undefined;
  const by = originName(bytes[at + told.origin.offset]);
  if (!by) return undefined;
  const mtu = (words32[(at + told.info.offset) >>> 2] ?? 0) >>> 0;
  const quoted = words32[(table.messageAt(message) + fields.length.offset) >>> 2] ?? 0;
  if (by === 'link' || quoted < 4) return { mtu, by };
  return { mtu, by, firstWord: readUint32(quotes, message * QUOTE_BYTES) };
}

function originName(origin: number | undefined): TooBig['by'] | undefined {
  if (origin === SO_EE_ORIGIN_ICMP || origin === SO_EE_ORIGIN_ICMP6) return 'router';
  return origin === SO_EE_ORIGIN_LOCAL ? 'link' : undefined;
}

/** Walks the control data of a message. @returns where the error lies. @see cmsg(3) */
function findError(table: MessageTable, message: number): number | undefined {
  const { words32 } = table.memory;
  let at = table.controlAt(message);
  const length = words32[(table.messageAt(message) + fields.controlBytes.offset) >>> 2] ?? 0;
  const end = at + Math.min(length, CONTROL_BYTES);
  while (at + CMSGHDR.sizeBytes <= end) {
    const bytesHere = words32[at >>> 2] ?? 0;
    if (bytesHere < CMSGHDR.sizeBytes || at + bytesHere > end) return undefined;
    const level = words32[(at + CMSGHDR.fields.level.offset) >>> 2] ?? 0;
    const type = words32[(at + CMSGHDR.fields.type.offset) >>> 2] ?? 0;
    const isError =
      (level === SOL_IP && type === IP_RECVERR) || (level === SOL_IPV6 && type === IPV6_RECVERR);
    if (isError && bytesHere >= CMSGHDR.sizeBytes + SOCK_EXTENDED_ERR.sizeBytes) {
      return at + CMSGHDR.sizeBytes;
    }
    at += (bytesHere + 7) & ~7;
  }
  return undefined;
}

/** Sets what the kernel overwrote back to the room that there is. */
function restore(table: MessageTable, message: number): void {
  const { words32 } = table.memory;
  const at = table.messageAt(message);
  words32[(at + fields.nameBytes.offset) >>> 2] = SOCKADDR_IN6.sizeBytes;
  words32[(at + fields.controlBytes.offset) >>> 2] = CONTROL_BYTES;
}
